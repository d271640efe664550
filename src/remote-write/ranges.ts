import type { Cursor, Entry, Flight } from '../buffer/buffer.ts'
import type { Clock } from '../clock.ts'
import type { Headers } from '../http/request.ts'
import type { Log } from '../log.ts'
import type { Series } from '../metrics/series.ts'
import { markable } from './batch.ts'
import { Budget } from './budget.ts'
import type { Delivery, Settled } from './delivery.ts'
import type { Encoder } from './encode-v1.ts'
import { Exclusions } from './exclusions.ts'
import { labelsOf } from './labels.ts'
import type { Pace } from './pace.ts'
import type { Patience } from './patience.ts'
import { Range } from './range.ts'
import { type Consequence, noteOf, type Piece, settle, type Work, wholeRange, workOf } from './settling.ts'
import type { EndpointStats } from './stats.ts'

interface Needs {
  readonly clock: Clock
  readonly log: Log
  readonly cursor: Cursor
  readonly delivery: Delivery
  readonly encoder: Encoder
  readonly compress: (bytes: Uint8Array) => Uint8Array
  readonly headers: () => Headers
  readonly patience: Patience
  readonly pace: Pace
  readonly stats: EndpointStats
  readonly about: Readonly<Record<string, string>>
  readonly ageLimitMs: number
  readonly maxSamples: number
}

/** Takes one range of snapshots after another to its final answer, whatever the receiver makes of it. */
export class Ranges {
  readonly #needs: Needs
  readonly #budget = new Budget()
  readonly #exclusions = new Exclusions()
  /** Of the last snapshot that was delivered. */
  #sent: readonly Series[] = []
  /** What a request may hold; halved when a receiver finds a body too large. */
  #maxSamples: number

  constructor(needs: Needs) {
    this.#needs = needs
    this.#maxSamples = needs.maxSamples
  }

  get maxSamples(): number {
    return this.#maxSamples
  }

  /**
   * Sends until each sample has a final answer, then moves the cursor past them. `left` is how far the agent before
   * this one had come with exactly these.
   */
  async send(read: readonly Entry[], left: Flight | undefined, signal: AbortSignal): Promise<void> {
    const { cursor, clock } = this.#needs
    const last = read.at(-1)
    if (last === undefined) return
    const { send, leave } = this.#exclusions.part(this.#youngEnough(read), clock.monotonicMs())
    if (leave.size > 0) await this.#leaveOut(read, leave)
    const range = new Range(
      send,
      this.#sent.filter((series) => !leave.has(series)),
    )
    let work =
      left === undefined ? wholeRange(send.length, range.width, false) : workOf(left.note, send.length, range.width)
    if (send.length === 0) work = []
    while (work.length > 0) {
      const after = await this.#sendNext(range, work, signal)
      if (after === 'stuck') return await this.#stuck(range, signal)
      work = after
    }
    const newest = send.at(-1)
    if (newest !== undefined) this.#sent = markable(newest)
    await cursor.move(last.sequence)
  }

  /** Sends the next piece of what is left of a range, and gives what is left after its answer. */
  async #sendNext(range: Range, work: Work, signal: AbortSignal): Promise<Work | 'stuck'> {
    const { cursor, delivery, encoder, compress, headers } = this.#needs
    const piece = work.at(-1) as Piece // there is work
    const batch = range.cut(piece)
    const { bytes, samples } = encoder.encode(batch)
    if (samples === 0) return settle(work, 'delivered', false).work
    await cursor.begin({ ...boundsOf(range.entries), note: noteOf(work) })
    if (work.length > 1 || piece.step !== 'send') await this.#withinBudget(signal)
    const body = compress(bytes)
    const settled = await delivery.settle(body, headers(), samples, signal)
    if (settled.kind === 'stuck') return 'stuck'
    if (settled.kind === 'delivered') this.#delivered(body.length, samples, batch.entries)
    const tooLarge = settled.kind === 'rejected' && settled.status === 413
    if (tooLarge) this.#maxSamples = Math.max(1, Math.floor(this.#maxSamples / 2))
    const after = settle(work, tooLarge ? 'too large' : settled.kind, settled.afterUncertain)
    await this.#conclude(range, after, settled)
    return after.work
  }

  /**
   * The receiver fails at these for half an hour. Several are read again one by one; if one alone is at fault, those
   * behind it pass: then it is set aside.
   */
  async #stuck({ entries }: Range, signal: AbortSignal): Promise<void> {
    const { cursor, log, about } = this.#needs
    const [poison] = entries
    if (poison === undefined) return
    if (entries.length > 1) {
      this.#maxSamples = 1
      return
    }
    const [, ...behind] = await cursor.read({ samples: poison.snapshot.values.length * 8 + 1000 }, signal)
    const passed: Entry[] = []
    for (const next of behind.slice(0, 2)) {
      if (!(await this.#passes(next, signal))) break
      passed.push(next)
    }
    const last = passed.at(-1)
    if (last === undefined) return
    const samples = poison.snapshot.values.length
    await this.#refuse([poison], 'the receiver fails at it for ever and takes what follows', samples)
    log.error('remote-write: one snapshot is at fault: set aside', { ...about, samples })
    this.#maxSamples = this.#needs.maxSamples
    this.#sent = markable(last)
    await cursor.move(last.sequence)
  }

  async #passes(entry: Entry, signal: AbortSignal): Promise<boolean> {
    const { delivery, encoder, compress, headers } = this.#needs
    const { bytes, samples } = encoder.encode({ entries: [entry], stale: [] })
    const body = compress(bytes)
    const { kind } = await delivery.attempt(body, headers(), signal)
    if (kind === 'delivered') this.#delivered(body.length, samples, [entry])
    return kind === 'delivered'
  }

  #delivered(bytes: number, samples: number, entries: readonly Entry[]): void {
    const { pace, stats, clock } = this.#needs
    pace.well()
    stats.samples += samples
    stats.bytes += bytes
    stats.highestSentTimestampMs = entries.at(-1)?.snapshot.timestampMs ?? 0
    stats.lastDeliveryMs = clock.now()
  }

  /** Sets an offender aside, and counts what a lost answer had hidden. */
  async #conclude(range: Range, { offending, replayed }: Consequence, settled: Settled): Promise<void> {
    const { log, clock, stats, about } = this.#needs
    if (replayed !== undefined) {
      stats.replayed++
      log.info('remote-write: had arrived though its answer was lost', {
        ...about,
        snapshots: replayed.to - replayed.from,
      })
    }
    if (offending === undefined || settled.kind === 'delivered') return
    const { entries } = range.cut({ ...offending, step: 'send' })
    const samples = samplesIn(entries)
    const [series] = entries.flatMap(({ snapshot }) => snapshot.series)
    if (series !== undefined) this.#exclusions.add(series, clock.monotonicMs())
    await this.#refuse(entries, settled.reason, samples)
    log.error('remote-write: a series is refused: set aside, tried again in an hour', {
      ...about,
      series: series && Object.fromEntries(labelsOf(series)),
      samples,
      reason: settled.reason,
    })
  }

  async #leaveOut(entries: readonly Entry[], series: ReadonlySet<Series>): Promise<void> {
    const { cursor, stats } = this.#needs
    const samples = entries.reduce(
      (sum, { snapshot }) => sum + snapshot.series.filter((one) => series.has(one)).length,
      0,
    )
    if (samples === 0) return
    stats.samplesFailed += samples
    cursor.drop('rejected', samples)
    await cursor.setAside({ reason: 'left out: the receiver refuses this series', entries, series })
  }

  async #refuse(entries: readonly Entry[], reason: string, samples: number): Promise<void> {
    const { cursor, stats } = this.#needs
    stats.samples += samples
    stats.samplesFailed += samples
    cursor.drop('rejected', samples)
    await cursor.setAside({ reason, entries })
  }

  /** Drops what the receiver would refuse for its age, counted. */
  #youngEnough(entries: readonly Entry[]): readonly Entry[] {
    const { ageLimitMs, clock, cursor } = this.#needs
    if (ageLimitMs === 0) return entries
    const oldestMs = clock.now() - ageLimitMs
    const [old, young] = [entries.filter(isOlder(oldestMs)), entries.filter((entry) => !isOlder(oldestMs)(entry))]
    if (old.length > 0) cursor.drop('too_old', samplesIn(old))
    return young
  }

  async #withinBudget(signal: AbortSignal): Promise<void> {
    const { clock, log, patience, about } = this.#needs
    for (
      let waitMs = this.#budget.take(clock.monotonicMs());
      waitMs > 0;
      waitMs = this.#budget.take(clock.monotonicMs())
    ) {
      log.error(
        'remote-write: too many series are refused: held until the receiver or its configuration is put right',
        {
          ...about,
          next_try_in: `${Math.ceil(waitMs / 60_000)}m`,
        },
      )
      await patience.wait(waitMs, signal)
    }
  }
}

const isOlder =
  (thanMs: number) =>
  ({ snapshot }: Entry) =>
    snapshot.timestampMs < thanMs

const samplesIn = (entries: readonly Entry[]) => entries.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)

const boundsOf = (entries: readonly Entry[]) => ({
  first: entries[0]?.sequence ?? 0,
  last: entries.at(-1)?.sequence ?? 0,
})
