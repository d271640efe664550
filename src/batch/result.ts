import type { BufferStats } from '../buffer/index.ts'
import type { Snapshot } from '../metrics/index.ts'
import { type ConfiguredOutput, cursorNameOf, type Output } from '../output.ts'

/** What became of a command's samples at an output. */
export interface DeliveryResult {
  readonly name: string
  readonly url: string
  /** Samples that it has taken. */
  readonly delivered: number
  /** Samples that wait for it in the buffer. */
  readonly kept: number
  /** Samples that it would not have, which are set aside beside the buffer. */
  readonly rejected: number
  /** Samples that it will never get, and that are nowhere. */
  readonly lost: number
  /** Why it has not got all, as far as it is known. */
  readonly reason?: string
}

/** Whether what has not been delivered is safe, and why it was not begun with, where it was not. */
interface ResultContext {
  readonly isSafe: boolean
  readonly waiting: string | undefined
}

/** What is known at the end of a command about one output. */
interface AtEnd {
  readonly configured: ConfiguredOutput
  /** Undefined where it was never opened. */
  readonly output: Output | undefined
  readonly stats: BufferStats
  /** Samples of its backlog. */
  readonly backlog: number
  /** Samples that it rejected, which are saved as dead letters. */
  readonly rejected: number
  /** The newest snapshot of the command. */
  readonly newest: Snapshot | undefined
}

export const resultAt = (atEnd: AtEnd, context: ResultContext): DeliveryResult =>
  atEnd.configured.kind.delivers === 'every' ? ofEvery(atEnd, context) : ofNewest(atEnd, context)

function ofEvery(
  { configured, output, stats, backlog, rejected }: AtEnd,
  { isSafe, waiting }: ResultContext,
): DeliveryResult {
  const dropped = [...(stats.dropped.get(cursorNameOf(configured)) ?? [])]
  const gone = dropped.reduce((sum, [, samples]) => sum + samples, 0)
  const delivered = Math.max(0, stats.appendedSamples - backlog - gone)
  const reason = waiting ?? timeoutReason(output) ?? dropped.map(([why]) => why).join(', ')
  const [kept, unsafe] = isSafe ? [backlog, 0] : [0, backlog]
  return resultOf({ ...placeOf(configured), delivered, kept, rejected, lost: gone - rejected + unsafe }, reason)
}

function ofNewest({ configured, output, newest, rejected }: AtEnd, { isSafe, waiting }: ResultContext): DeliveryResult {
  const place = placeOf(configured)
  const all = newest?.values.length ?? 0
  if (output === undefined || output.report.pending > 0) {
    const [kept, lost] = isSafe ? [all, 0] : [0, all]
    return resultOf({ ...place, delivered: 0, kept, rejected: 0, lost }, waiting ?? timeoutReason(output))
  }
  const { rejection, report } = output
  const gone = rejection?.series.size ?? (report.problem === undefined ? 0 : all)
  return resultOf(
    { ...place, delivered: all - gone, kept: 0, rejected, lost: gone - rejected },
    rejection?.summary ?? report.problem,
  )
}

const placeOf = ({ kind, options }: ConfiguredOutput) => ({ name: options.name, url: kind.address(options) })

/** Where nothing more is known. */
export const timedOut = 'not delivered in time'

/** Why an output that was stopped has not got all, as far as it is known. */
export function timeoutReason(output: Pick<Output, 'report'> | undefined): string | undefined {
  const { problem, waiting } = output?.report ?? {}
  return problem ?? (waiting && `${timedOut}: ${waiting}`)
}

function resultOf(result: DeliveryResult, reason = ''): DeliveryResult {
  if (result.kept + result.rejected + result.lost === 0) return result
  return { ...result, reason: reason === '' ? timedOut : reason }
}
