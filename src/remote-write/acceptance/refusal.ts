import { instantOf } from '../../util/clock.ts'

/**
 * What the error message of a receiver says about a rejected request. Mimir's messages are in pkg/distributor/validate.go,
 * pkg/distributor/errors.go and pkg/ingester/errors.go; Grafana Cloud has the same ones.
 */
export interface Refusal {
  /**
   * `stored`: the receiver stored the good samples of the request. `too large`: nothing was stored, smaller requests may
   * succeed. `unknown`: the message does not say.
   */
  readonly kind: 'stored' | 'too large' | 'unknown'
  readonly cause: RefusalCause
  /** One bad sample makes the receiver drop all samples of its series in the request. */
  readonly dropsSeries: boolean
  /** Identifies the limit or rule, without changing values: a series that passes it may mean that others do. */
  readonly rule: string
  /** The text of a rejected series as the message quotes it; it may be cut off. */
  readonly series?: string
  /** A limit that the message names: each series above it is rejected. */
  readonly limit?: LabelLimit
  /** Time of a rejected sample, milliseconds since the epoch. */
  readonly timestampMs?: number
  /** Number of rejected series. */
  readonly seriesCount?: number
  /** All series of the request are rejected. */
  readonly isForAll?: boolean
}

/** `info`: the limit applies to series that end with `_info` only, otherwise to the others only. */
export type LabelLimit = { readonly valueBytes: number } | { readonly labels: number; readonly of: 'info' | 'others' }

/**
 * `order`: not newer than a stored sample. `past`, `future`: outside of the time range that the receiver accepts.
 * `series limit`, `series`: the series itself. `no sample`: only metadata or exemplars. `unknown`: anything else.
 */
export type RefusalCause = 'order' | 'past' | 'future' | 'series limit' | 'series' | 'no sample' | 'unknown'

const mimirId = /\berr-mimir-([a-z0-9-]+)/

/** Identifiers of rejections after which Mimir stores the other samples of the request, by the beginning of their names. */
const causes: Readonly<Record<string, RefusalCause>> = {
  'sample-out-of-order': 'order',
  'sample-duplicate-timestamp': 'order',
  'sample-timestamp-too-old': 'past',
  'too-far-in-past': 'past',
  'too-far-in-future': 'future',
  'max-series-per-': 'series limit',
  'max-active-series': 'series limit',
  'missing-metric-name': 'series',
  'metric-name-invalid': 'series',
  'max-label-': 'series',
  label: 'series',
  'duplicate-label-names': 'series',
  'native-histogram-': 'series',
  'max-native-histogram-': 'series',
  'not-reducible-native-histogram': 'series',
  'invalid-schema-native-histogram': 'series',
  'exemplar-': 'no sample',
  'max-metadata-': 'no sample',
  'metadata-': 'no sample',
  'metric-name-too-long': 'no sample',
  'unit-too-long': 'no sample',
}

/**
 * Messages of other receivers that store the good samples: Cortex and Amazon at a series limit; Thanos: its writer
 * continues after each rejected sample (pkg/receive/writer.go), and it answers 409.
 */
const others: readonly { readonly text: RegExp; readonly cause: RefusalCause; readonly rule: string }[] = [
  { text: /per-(user|metric) series limit of \d+ exceeded/, cause: 'series limit', rule: 'series-limit' },
  {
    text: /^HTTP 409\b.*(store locally for endpoint|forwarding request to endpoint|\bconflict\b).*(out of order|duplicate)/is,
    cause: 'order',
    rule: 'thanos-order',
  },
  {
    text: /^HTTP 409\b.*(store locally for endpoint|forwarding request to endpoint|\bconflict\b)/is,
    cause: 'unknown',
    rule: 'thanos-conflict',
  },
]

/** A size limit: no repetition of the same request can succeed. */
const tooLarge = /err-mimir-distributor-max-write-(message-size|request-data-item-size)/
const aboveBurst = /ingestion burst size limit/
/** The rule of a request that is larger than the receiver accepts at one moment. */
export const burstRule = 'burst-size'

/** The distributor drops a whole series for one sample, and its message has `timestamp`; an ingester drops the sample. */
const affectedSample = /The affected sample has timestamp (\S+) and is from series (.*?)(?: \(sampled [^)]*\))?$/s
const thisSeries = /This is for series (.*?)(?: \(sampled [^)]*\))?$/s
const quotedSeries = / series: '(.*?)' \(err-mimir-/s
const timestamp = /, timestamp: (\d+) series: /
const valueLimit = /label value length of \d+ exceeds the limit of (\d+)/
const labelLimit = /number of labels exceeds the limit \(actual: \d+, limit: (\d+)\)/
const rejectedSeries = /(\d+) series were rejected from this request of a total of (\d+)/

/** Interprets the message of a rejection: its status and the beginning of the body. */
export function refusalOf(message: string): Refusal {
  const isBurst = aboveBurst.test(message)
  if (isBurst || tooLarge.test(message))
    return { kind: 'too large', cause: 'unknown', dropsSeries: false, rule: isBurst ? burstRule : 'size' }
  const id = mimirId.exec(message)?.[1]
  const cause = id === undefined ? undefined : causeOf(id)
  if (id !== undefined && cause !== undefined) return ofMimir(message, id, cause)
  const other = others.find(({ text }) => text.test(message))
  if (other !== undefined) return { kind: 'stored', dropsSeries: false, cause: other.cause, rule: other.rule }
  return { kind: 'unknown', cause: unknownCause(message), dropsSeries: false, rule: 'unknown' }
}

function causeOf(id: string): RefusalCause | undefined {
  const found = Object.entries(causes).filter(([beginning]) => id.startsWith(beginning))
  return found.toSorted(([left], [right]) => right.length - left.length)[0]?.[1]
}

function ofMimir(message: string, id: string, cause: RefusalCause): Refusal {
  const affected = affectedSample.exec(message)
  const dropsSeries = (cause === 'past' || cause === 'future') && affected === null && timestamp.test(message)
  const written = affected?.[1] === undefined ? Number(timestamp.exec(message)?.[1]) : instantOf(affected[1])
  // for a sample outside of the time range the distributor quotes the name of the metric only
  const quoted = dropsSeries ? undefined : quotedSeries.exec(message)?.[1]
  const series = affected?.[2] ?? thisSeries.exec(message)?.[1] ?? quoted
  const counted = rejectedSeries.exec(message)
  const isForAll = counted !== null && counted[1] === counted[2]
  const metric = id === 'max-series-per-metric' ? ` ${series?.replace(/\{.*/s, '')}` : ''
  return {
    kind: isForAll ? 'unknown' : 'stored',
    cause,
    dropsSeries,
    rule: `${id}${metric}`,
    ...(series !== undefined && { series }),
    ...limitOf(message, id),
    ...(Number.isFinite(written) && { timestampMs: written }),
    ...(counted !== null && { seriesCount: Number(counted[1]), isForAll }),
  }
}

function limitOf(message: string, id: string): { readonly limit?: LabelLimit } {
  const bytes = valueLimit.exec(message)?.[1]
  if (bytes !== undefined) return { limit: { valueBytes: Number(bytes) } }
  const labels = labelLimit.exec(message)?.[1]
  if (labels === undefined) return {}
  return { limit: { labels: Number(labels), of: id === 'max-label-names-per-info-series' ? 'info' : 'others' } }
}

const orderWords = /out.of.order|duplicate.(sample|timestamp)/i
const timeWords = /out of bounds|too old|too far in the (past|future)|older than/i

/** Prometheus and others: the words of its database. */
function unknownCause(message: string): RefusalCause {
  if (orderWords.test(message)) return 'order'
  return timeWords.test(message) ? 'past' : 'unknown'
}
