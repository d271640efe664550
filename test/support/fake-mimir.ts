import { isStale, type Sample, toNumber, type WriteRequest } from '../../src/demo-receiver/decode.ts'
import { type Label, nameOf, seriesKey } from '../../src/demo-receiver/labels.ts'
import type { LedgerEntry } from '../../src/demo-receiver/store.ts'

/** Limits of a tenant. Times in milliseconds. */
export interface MimirLimits {
  maxSeries: number
  maxActiveSeries: number
  maxLabelValueLength: number
  maxLabelNames: number
  outOfOrderMs: number
  /** 0: no limit. */
  pastGraceMs: number
  creationGraceMs: number
  burst: number
  maxMessageBytes: number
}

/** The answer to a request. */
export interface MimirAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** A rejected sample. */
export interface DiscardedSample {
  readonly series: string
  readonly timestampMs: number
}

interface Stored {
  newest: Sample
  readonly times: Map<number, Sample>
}

const hourMs = 3_600_000
const admin = (flag: string) =>
  `To adjust the related per-tenant limit, configure -${flag}, or contact your service administrator.`

/**
 * One tenant of a Mimir 3.0.5 with one ingester: it stores the good samples of each request and answers 400 for the others,
 * with the texts of pkg/distributor/validate.go, pkg/distributor/errors.go and pkg/ingester/errors.go. Like the real one,
 * it reports the number of received samples as written.
 */
export class FakeMimir {
  readonly limits: MimirLimits = {
    maxSeries: Number.POSITIVE_INFINITY,
    maxActiveSeries: Number.POSITIVE_INFINITY,
    maxLabelValueLength: 2048,
    maxLabelNames: 30,
    outOfOrderMs: 0,
    pastGraceMs: 0,
    creationGraceMs: 600_000,
    burst: 200_000,
    maxMessageBytes: 100 * 2 ** 20,
  }
  /** Stored samples in the order of arrival. */
  readonly ledger: LedgerEntry[] = []
  readonly #series = new Map<string, Stored>()
  readonly #discarded = new Map<string, DiscardedSample>()
  #headMs = Number.NEGATIVE_INFINITY

  constructor(limits: Partial<MimirLimits> = {}) {
    Object.assign(this.limits, limits)
  }

  /** Samples that were rejected and never stored. */
  get discarded(): readonly DiscardedSample[] {
    return [...this.#discarded.values()].filter(
      ({ series, timestampMs }) => !this.#series.get(series)?.times.has(timestampMs),
    )
  }

  /** Whether the tenant has this series. */
  has(series: string): boolean {
    return this.#series.has(series)
  }

  answer(request: WriteRequest, bodyBytes: number, nowMs: number): MimirAnswer {
    const received = request.series.reduce((sum, { samples }) => sum + samples.length, 0)
    const headers =
      request.version === 2 ? { 'x-prometheus-remote-write-samples-written': String(received) } : ({} as const)
    const with429 = { ...headers, 'retry-after': '6' }
    const { maxMessageBytes, burst } = this.limits
    if (bodyBytes > maxMessageBytes)
      return {
        status: 400,
        headers: {},
        text: `the incoming push request has been rejected because its message size of ${bodyBytes} bytes is larger than the allowed limit of ${maxMessageBytes} bytes (err-mimir-distributor-max-write-message-size). To adjust the related limit, configure -distributor.max-recv-msg-size, or contact your service administrator.`,
      }
    const { valid, problem } = this.#validated(request, nowMs)
    const items = valid.reduce((sum, { samples }) => sum + samples.length, 0) + request.metadata.size
    if (items > burst)
      return {
        status: 429,
        headers: with429,
        text: `the request has been rejected because the tenant exceeded the ingestion burst size limit, set to ${burst}, with ${items} items. This limit is applied on the total number of samples, exemplars and metadata received across all distributors (err-mimir-tenant-max-ingestion-rate). ${admin('distributor.ingestion-burst-size')}`,
      }
    const { active, rejected } = this.#activeOnly(valid)
    if (active.length === 0 && rejected > 0)
      return { status: 429, headers: with429, text: this.#activeText(rejected, valid) }
    const stored = this.#store(active)
    if (stored !== undefined)
      return { status: 400, headers, text: `failed pushing to ingester m1: user=tenant: ${stored}` }
    if (rejected > 0) return { status: 429, headers: with429, text: this.#activeText(rejected, valid) }
    return problem === undefined ? { status: 200, headers, text: '' } : { status: 400, headers, text: problem }
  }

  /** A series with an invalid label or sample is dropped as a whole. */
  #validated({ series }: WriteRequest, nowMs: number) {
    const valid: WriteRequest['series'][number][] = []
    let problem: string | undefined
    for (const one of series) {
      const found = this.#labelProblem(one.labels) ?? this.#timeProblem(one, nowMs)
      if (found === undefined) valid.push(one)
      else for (const { timestampMs } of one.samples) this.#discard(seriesKey(one.labels), timestampMs)
      problem ??= found
    }
    return { valid, problem }
  }

  #labelProblem(labels: readonly Label[]): string | undefined {
    const { maxLabelNames, maxLabelValueLength: max } = this.limits
    const text = textOf(labels)
    const cut = [...text].slice(0, 200).join('')
    if (labels.length > maxLabelNames)
      return `received a series whose number of labels exceeds the limit (actual: ${labels.length}, limit: ${maxLabelNames}) series: '${cut}${cut === text ? '' : '…'}' (err-mimir-max-label-names-per-series). ${admin('validation.max-label-names-per-series')}`
    for (const [name, value] of labels)
      if (value.length > max)
        return `received a series whose label value length of ${value.length} exceeds the limit of ${max}, label: '${name}', value: '${value.slice(0, 200)}' (truncated) series: '${cut}' (err-mimir-label-value-too-long). ${admin('validation.max-length-label-value')}`
    return undefined
  }

  #timeProblem({ labels, samples }: WriteRequest['series'][number], nowMs: number): string | undefined {
    const { pastGraceMs, creationGraceMs, outOfOrderMs } = this.limits
    const series = `series: '${nameOf(labels)}'`
    for (const { timestampMs } of samples) {
      if (timestampMs > nowMs + creationGraceMs)
        return `received a sample whose timestamp is too far in the future, timestamp: ${timestampMs} ${series} (err-mimir-too-far-in-future). ${admin('validation.create-grace-period')}`
      if (pastGraceMs > 0 && timestampMs < nowMs - pastGraceMs - outOfOrderMs)
        return `received a sample whose timestamp is too far in the past, timestamp: ${timestampMs} ${series} (err-mimir-too-far-in-past). ${admin('validation.past-grace-period')}`
    }
    return undefined
  }

  /** Series within the limit of active series, which the usage tracker of Grafana Cloud enforces. */
  #activeOnly(series: WriteRequest['series']) {
    let free = this.limits.maxActiveSeries - this.#series.size
    const active = series.filter(({ labels, samples }) => {
      const key = seriesKey(labels)
      const isActive = this.#series.has(key) || free-- > 0
      if (!isActive) for (const { timestampMs } of samples) this.#discard(key, timestampMs)
      return isActive
    })
    return { active, rejected: series.length - active.length }
  }

  #activeText(rejected: number, series: WriteRequest['series']): string {
    return `the request has been rejected because the tenant exceeded the active series limit, set to ${this.limits.maxActiveSeries}. ${rejected} series were rejected from this request of a total of ${series.length} (err-mimir-max-active-series). ${admin('distributor.max-active-series-per-user')}`
  }

  /** Stores what is in order. Returns the first problem. */
  #store(series: WriteRequest['series']): string | undefined {
    let problem: string | undefined
    for (const { labels, samples } of series) {
      const key = seriesKey(labels)
      for (const sample of samples) {
        const found = this.#problemOf(key, labels, sample)
        problem ??= found
        if (found !== undefined) this.#discard(key, sample.timestampMs)
        else this.#put(key, sample)
      }
    }
    return problem
  }

  #problemOf(key: string, labels: readonly Label[], { timestampMs, bits }: Sample): string | undefined {
    const { maxSeries, outOfOrderMs } = this.limits
    const stored = this.#series.get(key)
    const affected = `The affected sample has timestamp ${new Date(timestampMs).toISOString()} and is from series ${textOf(labels)}`
    if (stored === undefined && this.#series.size >= maxSeries)
      return `per-user series limit of ${maxSeries} exceeded (err-mimir-max-series-per-user). ${admin('ingester.max-global-series-per-user')} (sampled 1/10)`
    const newest = stored?.newest
    if (timestampMs >= this.#headMs - hourMs && (newest === undefined || timestampMs > newest.timestampMs))
      return undefined
    if (newest?.timestampMs === timestampMs) {
      const isSame = toNumber(newest.bits) === toNumber(bits) || isStale(bits)
      return isSame
        ? undefined
        : `the sample has been rejected because another sample with the same timestamp, but a different value, has already been ingested (err-mimir-sample-duplicate-timestamp). ${affected}`
    }
    if (outOfOrderMs > 0 && timestampMs >= this.#headMs - outOfOrderMs) return undefined
    if (outOfOrderMs > 0)
      return `the sample has been rejected because another sample with a more recent timestamp has already been ingested and this sample is beyond the out-of-order time window of 10m (err-mimir-sample-timestamp-too-old). ${affected}`
    if (timestampMs < this.#headMs - hourMs)
      return `the sample has been rejected because its timestamp is too old (err-mimir-sample-timestamp-too-old). ${affected}`
    return `the sample has been rejected because another sample with a more recent timestamp has already been ingested and out-of-order samples are not allowed (err-mimir-sample-out-of-order). ${affected} (sampled 1/10)`
  }

  #put(key: string, sample: Sample): void {
    const { timestampMs, startMs, bits } = sample
    const stored = this.#series.get(key) ?? { newest: sample, times: new Map<number, Sample>() }
    this.#series.set(key, stored)
    if (timestampMs > stored.newest.timestampMs) stored.newest = sample
    this.#headMs = Math.max(this.#headMs, timestampMs)
    if (stored.times.has(timestampMs)) return
    stored.times.set(timestampMs, sample)
    this.ledger.push({ series: key, timestampMs, startMs, value: toNumber(bits), stale: isStale(bits) })
  }

  #discard(series: string, timestampMs: number): void {
    this.#discarded.set(`${series} ${timestampMs}`, { series, timestampMs })
  }
}

/** A series as Mimir writes it in messages. */
function textOf(labels: readonly Label[]): string {
  const rest = labels.filter(([name]) => name !== '__name__').map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return `${nameOf(labels)}{${rest.join(', ')}}`
}
