import type { Cursor, Entry } from '../../../src/buffer/index.ts'
import {
  createRequester,
  delayAfter,
  ErrorLog,
  LivenessClock,
  type Outcome,
  type ReceiverLabels,
  type Requester,
  redactedUrl,
  settle,
  type Unsettled,
  Wait,
} from '../../../src/http/index.ts'
import type { Output, OutputDeps, OutputReport } from '../../../src/output.ts'
import { withTimeout } from '../../../src/util/clock.ts'
import { report } from '../../../src/util/log.ts'
import type { JsonLinesOptions } from './config.ts'
import { linesOf, type Sample, samplesOf } from './encode.ts'
import { messages } from './messages.ts'
import { createStats, type JsonLinesStats } from './stats.ts'

type FinalAnswer = Exclude<Outcome, Unsettled>

interface Rejected {
  readonly sample: Sample
  readonly reason: string
}

/** How long a stop waits, at its deadline, for a request that is aborted. */
const endMs = 1000

const contentType = 'application/x-ndjson'

/** One receiver of JSON lines: gets every snapshot, in order, at least once. */
export class JsonLinesOutput implements Output {
  readonly name: string
  readonly labels: ReceiverLabels
  readonly stats: JsonLinesStats
  readonly #options: JsonLinesOptions
  readonly #deps: OutputDeps & { readonly cursor: Cursor }
  readonly #liveness: LivenessClock
  readonly #wait: Wait
  readonly #requester: Requester
  readonly #problem: ErrorLog
  readonly #stopping = new AbortController()
  /** Ends at a restart. */
  #epoch = new AbortController()
  #running: Promise<void>

  constructor(options: JsonLinesOptions, given: OutputDeps) {
    const { cursor, previous } = given
    if (cursor === undefined) throw new Error('an output of JSON lines is opened without a cursor')
    this.name = options.name
    this.labels = { remote_name: options.name, url: redactedUrl(options.url) }
    this.stats = previous instanceof JsonLinesOutput ? previous.stats : createStats()
    this.#options = options
    this.#liveness = new LivenessClock(given.clock)
    this.#deps = { ...given, cursor, clock: this.#liveness }
    const { clock, log, sender } = this.#deps
    this.#wait = new Wait(clock)
    this.#requester = createRequester(options, sender, clock)
    this.#problem = new ErrorLog({ clock, log, recovered: messages.recovered, receiver: this.labels })
    this.#running = this.#run()
  }

  get pending(): number {
    return this.#deps.cursor.backlog().snapshots
  }

  get report(): OutputReport {
    const { name, labels, pending } = this
    return { name, url: labels.url, pending, problem: this.#problem.current, waiting: this.#requester.waiting }
  }

  /** The snapshot is read from the buffer. */
  onSnapshot(): void {}

  dropUndated(samples: number): void {
    this.#deps.cursor.drop('clock', samples)
  }

  async stop(deadline: AbortSignal): Promise<void> {
    const { clock, sender } = this.#deps
    this.#wait.hurry()
    while (!deadline.aborted && this.pending > 0) await clock.sleep(10, deadline).catch(() => {}) // the loop ends
    this.#stopping.abort(new Error('the agent is stopping'))
    await withTimeout(clock, endMs, this.#running)
    await sender.destroy()
  }

  retry(): void {
    this.#wait.retry()
  }

  stalledMs(): number {
    return this.#liveness.stalledMs(this.pending > 0)
  }

  /** Answers of the receiver. */
  get completed(): number {
    return [...this.stats.answers].reduce((sum, [status, count]) => (status === 0 ? sum : sum + count), 0)
  }

  restart(): void {
    this.#epoch.abort(new Error('the output restarts'))
    this.#epoch = new AbortController()
    this.#liveness.restart()
    this.#deps.sender.renew?.()
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal, this.#epoch.signal])
    const { cursor, clock, log } = this.#deps
    while (!signal.aborted) {
      try {
        const entries = await cursor.read({ samples: this.#options.maxSamples }, signal)
        await this.#wait.yield(0, signal)
        await this.#deliver(entries, signal)
      } catch (error) {
        if (signal.aborted) return
        report(log, messages.internalError, { ...this.labels, err: error })
        await clock.sleep(this.#options.backoff.maxMs, signal).catch(() => {}) // a stop ends the loop
      }
    }
  }

  /** Sends a range until each of its samples has a final answer, then moves the cursor. */
  async #deliver(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    const { cursor } = this.#deps
    const [first, last] = [entries[0], entries.at(-1)]
    if (first === undefined || last === undefined) return
    await cursor.markInFlight({ first: first.sequence, last: last.sequence, note: '' })
    const samples = samplesOf(entries)
    const rejected = await this.#send(samples, signal)
    await this.#setAside(rejected)
    const isWhole = samples.length > 0 && rejected.length === samples.length
    await cursor.commit(last.sequence, isWhole ? 'rejected' : 'delivered')
  }

  /** What the receiver rejects of these. It rejects a request as a whole: halves are sent until the samples are found. */
  async #send(samples: readonly Sample[], signal: AbortSignal): Promise<readonly Rejected[]> {
    const [sample] = samples
    if (sample === undefined) return []
    const body = Buffer.from(linesOf(samples))
    const answer = await settle<FinalAnswer>(
      () => this.#attempt(body, signal),
      (outcome, attempt) => this.#pause(outcome, attempt, signal),
      signal,
    )
    if (answer.kind === 'delivered') {
      this.stats.samples += samples.length
      this.stats.bytes += body.length
      return []
    }
    if (samples.length === 1) return [{ sample, reason: answer.reason }]
    const middle = samples.length >> 1
    const left = await this.#send(samples.slice(0, middle), signal)
    return [...left, ...(await this.#send(samples.slice(middle), signal))]
  }

  async #attempt(body: Uint8Array, signal: AbortSignal): Promise<Outcome> {
    const { answers } = this.stats
    const { userAgent, onTime } = this.#deps
    const outcome = await this.#requester.post(body, { 'user-agent': userAgent, 'content-type': contentType }, signal)
    const status = outcome.kind === 'delivered' ? 200 : (outcome.status ?? 0)
    answers.set(status, (answers.get(status) ?? 0) + 1)
    if (outcome.kind === 'delivered' && outcome.receiverMs !== undefined) onTime?.(outcome.receiverMs)
    return outcome
  }

  async #pause(outcome: Unsettled, attempt: number, signal: AbortSignal): Promise<void> {
    this.stats.retries++
    const delayMs = delayAfter(attempt, this.#options.backoff, outcome.afterMs, Math.random())
    const fields = { retry_in: `${Math.round(delayMs / 100) / 10}s` }
    this.#problem.report(messages.retrying, outcome.reason, fields)
    await this.#wait.wait(delayMs, signal)
  }

  /** One dead letter for each snapshot of which something is rejected. */
  async #setAside(rejected: readonly Rejected[]): Promise<void> {
    const { cursor } = this.#deps
    const [first] = rejected
    if (first === undefined) return this.#problem.clear()
    this.#problem.report(messages.rejected, first.reason, { samples: rejected.length })
    this.stats.rejected += rejected.length
    cursor.drop('rejected', rejected.length)
    for (const [entry, some] of Map.groupBy(rejected, ({ sample }) => sample.entry)) {
      const series = new Set(some.map(({ sample }) => sample.series))
      await cursor.saveDeadLetter({ reason: some[0]?.reason ?? first.reason, entries: [entry], series })
    }
  }
}
