import type { BufferRow, DeadLetterRow, DropRow, EndpointRow, Row } from '../../buffer/index.ts'
import { hintFor, withHint } from '../../hints/index.ts'
import type { ComponentOf } from '../../output.ts'
import { systemClock, timeText } from '../../util/clock.ts'
import { plural } from '../../util/plural.ts'
import { countText, durationText, sizeText } from '../../util/quantity.ts'

/** The rows of one log. */
export interface Listed {
  readonly isRun: boolean
  readonly rows: readonly Row[]
}

/** Component and address of an endpoint, by its name in the buffer. */
export interface EndpointNames {
  readonly componentOf: ComponentOf
  /** Its URL, with the name if several endpoints have the same URL; undefined if the URL is unknown. */
  readonly addressOf: AddressOf
}

export type AddressOf = (endpoint: string) => string | undefined

/** How an endpoint is shown: by its address, or by its name with the reason. */
export const shownEndpoint = (endpoint: string, addressOf: AddressOf): string =>
  addressOf(endpoint) ?? `endpoint ${endpoint} (URL unknown: not in the configuration)`

/** The output of `buffer ls`, line by line. */
export function* listing(
  directory: string,
  logs: readonly Listed[],
  { componentOf, addressOf }: EndpointNames,
): Generator<string> {
  const own = logs.filter(({ isRun }) => !isRun).flatMap(({ rows }) => rows)
  const runs = logs.filter(({ isRun }) => isRun).flatMap(({ rows }) => rows)
  if (logs.length === 0) yield `${directory}: the buffer is empty\n`
  for (const row of ofKind(own, 'buffer')) yield bufferText(row)
  for (const row of ofKind(own, 'endpoint')) yield endpointText(row, addressOf)
  const spooled = ofKind(runs, 'buffer')
  const bytes = spooled.reduce((sum, one) => sum + one.bytes, 0)
  if (spooled.length > 0)
    yield `${directory}/spool: ${sizeText(bytes)} in ${plural(spooled.length, 'log')} of batch commands\n`
  yield* spoolText(
    ofKind(runs, 'endpoint').filter(({ snapshots }) => snapshots > 0),
    addressOf,
  )
  for (const row of ofKind(own, 'dead_letters'))
    yield deadLetterText(row, shownEndpoint(row.endpoint, addressOf), componentOf(row.endpoint))
}

export const ofKind = <K extends Row['kind']>(rows: readonly Row[], kind: K) =>
  rows.filter((row): row is Extract<Row, { kind: K }> => row.kind === kind)

function bufferText({ directory, bytes, segments, keptBytes, keptSegments, corrupt, problem }: BufferRow): string {
  const history = keptSegments === 0 ? '' : `, history of ${sizeText(keptBytes)} in ${plural(keptSegments, 'segment')}`
  const quarantine = corrupt === 0 ? '' : `, ${plural(corrupt, 'corrupt place')} saved to corrupt/`
  const failure = problem === undefined ? '' : `\n  The disk is not used, samples are only in memory: ${problem}`
  return `${directory}: ${sizeText(bytes)} in ${plural(segments, 'segment')}${history}${quarantine}${failure}\n`
}

function endpointText(row: EndpointRow, addressOf: AddressOf): string {
  const dropped = Object.entries(row.dropped).map(
    ([reason, count]) => `\n  dropped: ${samplesText(count)}, reason ${reason}`,
  )
  const isShown = row.isConfigured === false && addressOf(row.endpoint) !== undefined
  const unconfigured = isShown ? ' (not in the configuration of the running agent)' : ''
  return `${shownEndpoint(row.endpoint, addressOf)}: ${backlogText(row)}${unconfigured}${dropped.join('')}\n`
}

const samplesText = (count: number, kind = '') => `${countText(count)} ${kind}${count === 1 ? 'sample' : 'samples'}`

/** The backlog in the logs of batch commands, one line for each output. */
function* spoolText(rows: readonly EndpointRow[], addressOf: AddressOf): Generator<string> {
  for (const [endpoint, some] of Map.groupBy(rows, (row) => row.endpoint)) {
    const total = (of: (row: EndpointRow) => number) => some.reduce((sum, row) => sum + of(row), 0)
    const whole = {
      ...{ snapshots: total((row) => row.snapshots), samples: total((row) => row.samples) },
      bytes: total((row) => row.bytes),
      oldestMs: extreme(Math.min, some, (row) => row.oldestMs),
      newestMs: extreme(Math.max, some, (row) => row.newestMs),
    }
    yield `${shownEndpoint(endpoint, addressOf)}, from ${plural(some.length, 'batch command')}: ${backlogText(whole)}\n`
  }
}

function extreme(
  pick: (...numbers: number[]) => number,
  rows: readonly EndpointRow[],
  of: (row: EndpointRow) => number | undefined,
): number | undefined {
  const numbers = rows.flatMap((row) => of(row) ?? [])
  return numbers.length === 0 ? undefined : pick(...numbers)
}

type BacklogTotals = Pick<EndpointRow, 'snapshots' | 'samples' | 'bytes' | 'oldestMs' | 'newestMs'>

function backlogText({ snapshots, samples, bytes, oldestMs, newestMs }: BacklogTotals): string {
  if (snapshots === 0) return 'no backlog'
  const counts = `${countText(snapshots)} ${snapshots === 1 ? 'snapshot' : 'snapshots'}, ${samplesText(samples)}`
  const age = oldestMs === undefined ? '' : `, oldest ${durationText(systemClock.now() - oldestMs)} ago`
  return `backlog of ${counts}, ${sizeText(bytes)}${age}, from ${time(oldestMs)} to ${time(newestMs)}`
}

function deadLetterText({ samples, newestMs, reason }: DeadLetterRow, address: string, component: string): string {
  const hint = hintFor(reason, { part: component, url: '' })
  return `${address}: ${samplesText(samples)} rejected, last ${time(newestMs)}: ${withHint(reason, hint)}\n`
}

const time = (ms: number | undefined) => (ms === undefined ? 'unknown' : timeText(ms))

/** What `drop` would delete, one line for each endpoint and kind. */
export function* dropText(rows: readonly DropRow[], addressOf: AddressOf): Generator<string> {
  for (const [endpoint, some] of Map.groupBy(rows, (row) => row.endpoint)) {
    const address = shownEndpoint(endpoint, addressOf)
    const samples = some.reduce((sum, row) => sum + row.samples, 0)
    const inFlight = some.reduce((sum, row) => sum + row.inFlight, 0)
    const rejected = some.reduce((sum, row) => sum + row.rejected, 0)
    const sent = `${countText(inFlight)} of them ${inFlight === 1 ? 'was' : 'were'} sent at least once`
    const uncertain = inFlight === 0 ? '' : ` (${sent} and may still be delivered)`
    if (samples > 0) yield `${address}: drops ${samplesText(samples)} of the backlog${uncertain}\n`
    if (rejected > 0) yield `${address}: drops ${samplesText(rejected, 'rejected ')}\n`
  }
}
