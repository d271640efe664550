import type { Cursor, Entry } from '../buffer/buffer.ts'
import type { Clock } from '../clock.ts'
import type { Cycle } from '../cycle.ts'
import { createRequester, type Headers, type Sender } from '../http/request.ts'
import type { Log } from '../log.ts'
import type { Family } from '../metrics/family.ts'
import type { Series } from '../metrics/series.ts'
import type { Output } from '../output.ts'
import type { Backoff } from './backoff.ts'
import { batchOf, markable } from './batch.ts'
import { Delivery, type Settled } from './delivery.ts'
import { EncoderV1 } from './encode-v1.ts'
import { createSnappy } from './snappy.ts'
import { type EndpointStats, noStats } from './stats.ts'

export interface EndpointOptions {
  readonly name: string
  /** Without credentials: they are in `headers`. */
  readonly url: URL
  /** The user's own headers and the credentials, asked for each request. */
  readonly headers: () => Headers
  readonly timeoutMs: number
  readonly backoff: Backoff
  readonly maxSamplesPerSend: number
  /** Milliseconds between two metadata requests; 0 sends none. */
  readonly metadataIntervalMs: number
}

interface Needs {
  readonly clock: Clock
  readonly log: Log
  readonly cursor: Cursor
  readonly sender: Sender
  readonly userAgent: string
}

/** One remote-write endpoint: reads from its cursor, sends, moves the cursor on a final answer. */
export class Endpoint implements Output {
  readonly name: string
  readonly stats: EndpointStats = noStats()
  readonly #options: EndpointOptions
  readonly #needs: Needs
  readonly #delivery: Delivery
  readonly #encoder = new EncoderV1()
  readonly #snappy = createSnappy()
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  readonly #about: Readonly<Record<string, string>>
  /** Of the last snapshot that was delivered. */
  #sent: readonly Series[] = []
  #metadataAtMs = Number.NEGATIVE_INFINITY

  constructor(options: EndpointOptions, needs: Needs) {
    this.name = options.name
    this.#options = options
    this.#needs = needs
    this.#about = { remote_name: options.name, url: options.url.href }
    const target = { url: options.url, headers: options.headers, timeoutMs: options.timeoutMs }
    const requester = createRequester(target, needs.sender, needs.clock)
    const { clock, log } = needs
    this.#delivery = new Delivery({
      requester,
      clock,
      log,
      backoff: options.backoff,
      stats: this.stats,
      about: this.#about,
    })
    this.#running = this.#run()
  }

  /** All that is told of this endpoint: to its metrics, the status page, the terminal. */
  get report() {
    const { maxSamplesPerSend, url } = this.#options
    return {
      name: this.name,
      url: url.href,
      stats: this.stats,
      maxSamplesPerSend,
      backlog: this.#needs.cursor.backlog(),
    }
  }

  /** Why nothing is delivered at the moment; undefined while all is well. */
  get trouble(): string | undefined {
    return this.#delivery.trouble
  }

  notify({ snapshot }: Cycle): void {
    this.stats.highestTimestampMs = snapshot.timestampMs
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.#delivery.hurry()
    const drained = this.#drained(deadline)
    await Promise.race([drained, aborted(deadline)])
    this.#stopping.abort(new Error('the agent is stopping'))
    await this.#running
    await this.#needs.sender.destroy()
  }

  async #drained(deadline: AbortSignal): Promise<void> {
    while (!deadline.aborted && this.#needs.cursor.backlog().snapshots > 0) await this.#needs.clock.sleep(10)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        const entries = await this.#needs.cursor.read({ samples: this.#options.maxSamplesPerSend }, signal)
        await this.#send(entries, signal)
        await this.#sendMetadata(entries, signal)
      } catch (error) {
        if (signal.aborted) return
        this.#needs.log.error('remote-write: a fault of our own', { ...this.#about, err: error })
        await this.#needs.clock.sleep(this.#options.backoff.maxMs, signal).catch(() => {}) // stopping ends the loop
      }
    }
  }

  /** Sends these snapshots until they have a final answer, then moves the cursor past them. */
  async #send(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    const last = entries.at(-1)
    if (last === undefined) return
    const { bytes, samples } = this.#encoder.encode(batchOf(entries, this.#sent))
    const body = this.#snappy(bytes)
    await this.#needs.cursor.begin({ first: entries[0]?.sequence ?? 0, last: last.sequence, note: '' })
    const settled = await this.#delivery.settle(body, this.#headers(), samples, signal)
    this.stats.samples += samples
    if (settled.kind === 'delivered') this.#delivered(body.length, last)
    else this.#refused(settled, samples, entries)
    this.#sent = markable(last)
    await this.#needs.cursor.move(last.sequence)
  }

  #delivered(bytes: number, last: Entry): void {
    this.stats.bytes += bytes
    this.stats.highestSentTimestampMs = last.snapshot.timestampMs
    this.stats.lastDeliveryMs = this.#needs.clock.now()
  }

  #refused(settled: Extract<Settled, { kind: 'rejected' }>, samples: number, entries: readonly Entry[]): void {
    const { log } = this.#needs
    const fields = { ...this.#about, reason: settled.reason, snapshots: entries.length, samples }
    if (settled.afterUncertain) {
      this.stats.replayed++
      log.info('remote-write: refused after an attempt without an answer, taken as having arrived', fields)
      return
    }
    this.stats.samplesFailed += samples
    log.error('remote-write: rejected', fields)
  }

  /** Type and help, now and then; one attempt, whatever it ends with. */
  async #sendMetadata(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    const { metadataIntervalMs } = this.#options
    const nowMs = this.#needs.clock.monotonicMs()
    if (metadataIntervalMs === 0 || nowMs - this.#metadataAtMs < metadataIntervalMs) return
    this.#metadataAtMs = nowMs
    const families = familiesIn(entries)
    const body = this.#snappy(this.#encoder.metadata(families))
    const outcome = await this.#delivery.attempt(body, this.#headers(), signal)
    this.stats.metadata += families.length
    if (outcome.kind === 'delivered') this.stats.metadataBytes += body.length
    else this.stats.metadataFailed += families.length
  }

  #headers(): Headers {
    return {
      'content-type': this.#encoder.contentType,
      'content-encoding': 'snappy',
      'user-agent': this.#needs.userAgent,
      'x-prometheus-remote-write-version': this.#encoder.version,
    }
  }
}

/** One family for each name that a type and help can be said of. */
function familiesIn(entries: readonly Entry[]): readonly Family[] {
  const byName = new Map<string, Family>()
  for (const { family } of entries.at(-1)?.snapshot.series ?? [])
    if (!byName.has(family.name)) byName.set(family.name, family)
  return [...byName.values()]
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
