import type { BufferRow, DeadLetterRow, DropRow, EndpointRow, Row } from '../../buffer/index.ts'
import { hintFor, withHint } from '../../hints/index.ts'
import type { ComponentOf } from '../../output.ts'
import { timeText } from '../../util/clock.ts'
import { plural } from '../../util/plural.ts'

/** The rows of one log. */
export interface Listed {
  readonly isRun: boolean
  readonly rows: readonly Row[]
}

/** What `buffer ls` says, line by line. */
export function* listing(directory: string, logs: readonly Listed[], componentOf: ComponentOf): Generator<string> {
  const own = logs.filter(({ isRun }) => !isRun).flatMap(({ rows }) => rows)
  const runs = logs.filter(({ isRun }) => isRun).flatMap(({ rows }) => rows)
  if (logs.length === 0) yield `${directory}: nothing is there yet\n`
  for (const row of ofKind(own, 'buffer')) yield bufferText(row)
  for (const row of ofKind(own, 'endpoint')) yield endpointText(row)
  const left = ofKind(runs, 'buffer').filter(({ unreadable }) => unreadable === 0)
  const bytes = left.reduce((sum, one) => sum + one.bytes, 0)
  if (left.length > 0)
    yield `${directory}/spool: ${plural(bytes, 'byte')} in ${plural(left.length, 'log')} of commands\n`
  for (const one of ofKind(runs, 'buffer')) if (one.unreadable > 0) yield newerText(one)
  yield* commandsText(ofKind(runs, 'endpoint').filter(({ snapshots }) => snapshots > 0))
  for (const row of ofKind(own, 'dead_letters')) yield deadLetterText(row, componentOf(row.endpoint))
}

export const ofKind = <K extends Row['kind']>(rows: readonly Row[], kind: K) =>
  rows.filter((row): row is Extract<Row, { kind: K }> => row.kind === kind)

function bufferText({ directory, bytes, segments, unreadable, corrupt, problem }: BufferRow): string {
  const unread = unreadable === 0 ? '' : `, and ${plural(unreadable, 'segment')} of a newer version, kept for that one`
  const aside = corrupt === 0 ? '' : `, ${plural(corrupt, 'damaged place')} kept in corrupt/`
  const ill = problem === undefined ? '' : `\n  the disk is not used: ${problem}`
  return `${directory}: ${plural(bytes, 'byte')} in ${plural(segments, 'segment')}${unread}${aside}${ill}\n`
}

const newerText = ({ directory, unreadable, unreadableBytes }: BufferRow): string =>
  `${directory}: ${plural(unreadableBytes, 'byte')} in ${plural(unreadable, 'segment')} of a newer version, kept for that one\n`

function endpointText(row: EndpointRow): string {
  const { endpoint, isConfigured } = row
  const lost = Object.entries(row.dropped).map(
    ([reason, count]) => `\n  not delivered: ${plural(count, 'sample')}, ${reason}`,
  )
  return `${endpoint}: ${backlogText(row)}${isConfigured === false ? ' (not configured any more)' : ''}${lost.join('')}\n`
}

/** What commands have left, and what those that run keep for that case, for each output. */
function* commandsText(rows: readonly EndpointRow[]): Generator<string> {
  for (const [endpoint, some] of Map.groupBy(rows, (row) => row.endpoint)) {
    const total = (of: (row: EndpointRow) => number) => some.reduce((sum, row) => sum + of(row), 0)
    const whole = {
      ...{ snapshots: total((row) => row.snapshots), samples: total((row) => row.samples) },
      bytes: total((row) => row.bytes),
      oldestMs: extreme(Math.min, some, (row) => row.oldestMs),
      newestMs: extreme(Math.max, some, (row) => row.newestMs),
    }
    yield `${endpoint}, of ${plural(some.length, 'command')}: ${backlogText(whole)}\n`
  }
}

function extreme(
  pick: (...numbers: number[]) => number,
  rows: readonly EndpointRow[],
  of: (row: EndpointRow) => number | undefined,
): number | undefined {
  const known = rows.flatMap((row) => of(row) ?? [])
  return known.length === 0 ? undefined : pick(...known)
}

type BacklogTotals = Pick<EndpointRow, 'snapshots' | 'samples' | 'bytes' | 'oldestMs' | 'newestMs'>

function backlogText({ snapshots, samples, bytes, oldestMs, newestMs }: BacklogTotals): string {
  if (snapshots === 0) return 'nothing waits'
  const size = `${plural(snapshots, 'snapshot')}, ${plural(samples, 'sample')}, ${plural(bytes, 'byte')}`
  return `${size} wait, from ${time(oldestMs)} to ${time(newestMs)}`
}

function deadLetterText({ endpoint, samples, newestMs, reason }: DeadLetterRow, component: string): string {
  const hint = hintFor(reason, { part: component, url: '' })
  return `${endpoint}: ${plural(samples, 'sample')} set aside, last ${time(newestMs)}: ${withHint(reason, hint)}\n`
}

const time = (ms: number | undefined) => (ms === undefined ? 'unknown' : timeText(ms))

/** What would be gone, by endpoint; nothing where there is nothing. */
export function* dropText(rows: readonly DropRow[]): Generator<string> {
  for (const [endpoint, some] of Map.groupBy(rows, (row) => row.endpoint)) {
    const samples = some.reduce((sum, row) => sum + row.samples, 0)
    const sending = some.reduce((sum, row) => sum + row.inFlight, 0)
    const refused = some.reduce((sum, row) => sum + row.rejected, 0)
    const but =
      sending === 0 ? '' : `; ${sending} of them are on their way, without an answer, and may arrive all the same`
    if (samples > 0) yield `${endpoint}: ${plural(samples, 'sample')} that wait would be dropped${but}\n`
    if (refused > 0) yield `${endpoint}: ${plural(refused, 'sample')} set aside would be dropped\n`
  }
}
