import type { Dispatcher } from 'undici'
import type { Decode, WriteRequest } from '../../src/demo-receiver/decode.ts'
import { type ProtocolVersion, seriesKey } from '../../src/demo-receiver/labels.ts'
import { parseRequest } from '../../src/demo-receiver/request.ts'
import { type LedgerEntry, Store } from '../../src/demo-receiver/store.ts'
import type { Sender } from '../../src/http/types.ts'

/** A decoded request. */
export interface Asked {
  /** Starts at 1. */
  readonly number: number
  /** The series in text format, with the times of their samples. */
  readonly series: ReadonlyMap<string, readonly number[]>
  readonly samples: number
}

/**
 * The behaviour for a request: accept everything, nothing, or the valid samples; then answer or break the connection.
 */
export interface Answer {
  readonly take: 'all' | 'none' | 'good'
  readonly status: number | 'reset'
  readonly headers?: Readonly<Record<string, string>>
  readonly text?: string
}

export const taken: Answer = { take: 'all', status: 204 }

interface Request {
  readonly atMs: number
  readonly version: ProtocolVersion
  readonly samples: number
  readonly series: number
  /** Families with metadata. */
  readonly metadata: number
}

/** Rules of another receiver than Prometheus. */
export interface Rules {
  readonly ledger: readonly LedgerEntry[]
  answer(
    request: WriteRequest,
    bodyBytes: number,
    nowMs: number,
  ): { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly text: string }
}

interface Now {
  readonly trueMs: number
  readonly monotonicMs: number
}

/** A receiver without a socket, with Prometheus's rules and scripted behaviour. */
export class ScriptedReceiver {
  readonly #store = new Store({ maxSeries: 1e6, maxFutureMs: 600_000 }, true)
  readonly #decode: Decode
  readonly #now: () => Now
  readonly #rules: Rules | undefined
  /** The behaviour of the receiver; the default answer if it returns nothing. */
  behave: (asked: Asked) => Answer | undefined = () => undefined
  /** Selects series or samples that the receiver rejects. */
  refuses: (series: string, timestampMs: number) => boolean = () => false
  /**
   * Support of 2.0: with counts, without counts (`mute`), read as an empty 1.0 request (`empty`), or rejected with a
   * status.
   */
  version2: 'known' | 'mute' | 'empty' | 400 | 415 | 500 = 'known'
  version1: 'known' | 415 = 'known'
  /** True if the receiver accepts the valid part of a request with rejected samples, like Mimir. */
  partial = false
  readonly requests: Request[] = []

  constructor(decode: Decode, now: () => Now, rules?: Rules) {
    this.#decode = decode
    this.#now = now
    this.#rules = rules
  }

  get ledger(): readonly LedgerEntry[] {
    return this.#rules?.ledger ?? this.#store.ledger
  }

  #answer(headers: Record<string, string>, body: Buffer): Answer {
    const { request: incoming, version = 1 } = parseRequest({ headers, body }, this.#decode, {
      compressedBytes: 1e9,
      uncompressedBytes: 1e9,
    })
    if (incoming === undefined) return { take: 'none', status: 400, text: 'not a request' }
    const series = new Map(
      incoming.series.map((one) => [seriesKey(one.labels), one.samples.map(({ timestampMs }) => timestampMs)] as const),
    )
    const samples = incoming.series.reduce((sum, one) => sum + one.samples.length, 0)
    this.requests.push({
      atMs: this.#now().monotonicMs,
      version,
      samples,
      series: series.size,
      metadata: incoming.metadata.size,
    })
    const scripted = this.behave({ number: this.requests.length, series, samples })
    if (scripted?.take === 'none') return scripted
    const how = version === 2 ? this.version2 : this.version1
    if (how === 'empty') return { take: 'none', status: 204 }
    if (typeof how === 'number') return { take: 'none', status: how, text: 'what is this' }
    const bytes = body.length
    const honest =
      this.#rules === undefined
        ? this.#take(incoming)
        : { take: 'good' as const, ...this.#rules.answer(incoming, bytes, this.#now().trueMs) }
    if (how === 'mute') return { ...honest, headers: {} }
    return scripted === undefined ? honest : { ...scripted, headers: { ...honest.headers, ...scripted.headers } }
  }

  /** Prometheus accepts a 1.0 request completely or not at all, and the valid part of a 2.0 request. */
  #take(incoming: WriteRequest): Answer {
    const isGood = (key: string, timestampMs: number) => !this.refuses(key, timestampMs)
    const good = incoming.series.map((one) => {
      const key = seriesKey(one.labels)
      return { ...one, samples: one.samples.filter(({ timestampMs }) => isGood(key, timestampMs)) }
    })
    const hasBad = good.some((one, i) => one.samples.length < (incoming.series[i]?.samples.length ?? 0))
    const partial = this.partial || incoming.version === 2
    if (hasBad && !partial) return { take: 'none', status: 400, text: 'out of bounds' }
    const series = good.filter((one) => one.samples.length > 0)
    const written = this.#store.write({ ...incoming, series, version: partial ? 2 : 1 }, this.#now().trueMs)
    const count = { 'x-prometheus-remote-write-samples-written': String(written.samples) }
    const headers = incoming.version === 2 ? count : {}
    const text = hasBad ? 'out of bounds' : written.problems[0]
    return text === undefined ? { ...taken, headers } : { take: 'good', status: 400, headers, text }
  }

  /** Sends the requests of an endpoint. */
  sender(): Sender {
    const dispatch = ({ headers, body }: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => {
      const controller = { abort: () => {} } as unknown as Dispatcher.DispatchController
      handler.onRequestStart?.(controller, {})
      const {
        status,
        headers: more = {},
        text = '',
      } = this.#answer(headers as Record<string, string>, Buffer.from(body as Uint8Array))
      setImmediate(() => {
        if (status === 'reset') return handler.onResponseError?.(controller, new Error('read ECONNRESET'))
        const date = new Date(this.#now().trueMs).toUTCString()
        handler.onResponseStart?.(controller, status, { date, ...more }, '')
        handler.onResponseData?.(controller, Buffer.from(text))
        handler.onResponseEnd?.(controller, {})
      })
      return true
    }
    return { dispatch, close: async () => {}, destroy: async () => {} } as Sender
  }
}
