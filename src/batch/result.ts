import type { BufferStats } from '../buffer/index.ts'
import type { Snapshot } from '../metrics/index.ts'
import { type ConfiguredOutput, cursorNameOf, type Output } from '../output.ts'

/** How the samples of a command ended at one output. */
export interface DeliveryResult {
  readonly name: string
  readonly url: string
  /** Samples that the receiver accepted. */
  readonly delivered: number
  /** Samples that are kept in the buffer for this output. */
  readonly kept: number
  /** Samples that the receiver rejected. They are saved as dead letters. */
  readonly rejected: number
  /** Samples that are neither delivered nor stored. */
  readonly lost: number
  /** Why not every sample was delivered; undefined if every one was. */
  readonly reason?: string
}

interface ResultContext {
  /** Whether undelivered samples are on disk. */
  readonly isSafe: boolean
  /** Why delivery to this output was not started; undefined if it was. */
  readonly waiting: string | undefined
}

/** State of one output at the end of a command. */
interface AtEnd {
  readonly configured: ConfiguredOutput
  /** Undefined if it was never opened. */
  readonly output: Output | undefined
  readonly stats: BufferStats
  /** Samples of its backlog. */
  readonly backlog: number
  /** Samples that the receiver rejected. They are saved as dead letters. */
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

/** The reason if the output reports no other. */
export const timedOut = 'timeout before delivery'

/** Why a stopped output has undelivered samples; undefined if the output reports no reason. */
export function timeoutReason(output: Pick<Output, 'report'> | undefined): string | undefined {
  const { problem, waiting } = output?.report ?? {}
  return problem ?? (waiting && `${timedOut}: ${waiting}`)
}

function resultOf(result: DeliveryResult, reason = ''): DeliveryResult {
  if (result.kept + result.rejected + result.lost === 0) return result
  return { ...result, reason: reason === '' ? timedOut : reason }
}
