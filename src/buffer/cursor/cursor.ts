import { entryAt } from '../log/reader.ts'
import { type LogEntry, type LogPosition, within } from '../memory-tail.ts'

import { fractionOf, includes, readCountFor, type SamplingRule } from '../sampling.ts'
import type { Loss } from '../segment/reader.ts'
import type { Backlog, Cursor, DeadLetter, DeliveryVerdict, DropReason, Entry, InFlightRange, Limit } from '../types.ts'
import { isMarkable } from './in-flight-mark.ts'
import type { LogView } from './log-view.ts'
import { Notifier } from './notifier.ts'
import { ReadAhead } from './read-ahead.ts'
import type { CursorState } from './record.ts'

export class DiskCursor implements Cursor {
  readonly name: string
  readonly uncertain: number
  position: LogPosition
  memo: string
  readonly #log: LogView
  #inFlight: (InFlightRange & { readonly samples: number }) | undefined
  /** In-flight range to replay on the first read after a start. */
  #replay: InFlightRange | undefined
  readonly #readAhead: ReadAhead
  /** Whether a reader waits for the next snapshot. */
  #isWaiting = false
  /** The sequence number of the newest record with the in-flight mark of this endpoint. */
  #marked = 0
  /** The entries of the last read. */
  #delivering: readonly LogEntry[] = []
  /** Sequence number of the last delivered snapshot, and the snapshot if this process delivered it. */
  #delivered: number
  #last: LogEntry | undefined
  #settled: number
  /** Gaps in the numbering of samples are counted up to this number. */
  #countedTo: number
  #oldestMs: number | undefined
  /** Time of the last activity of its sender. */
  #writtenMs: number
  readonly #backlog: BacklogCounter
  readonly #notifier = new Notifier()

  constructor(state: CursorState, log: LogView) {
    this.name = state.name
    this.position = state.position
    this.uncertain = state.uncertain
    this.#inFlight = state.inFlight
    this.#replay = state.inFlight
    this.#countedTo = state.position.samples
    this.#writtenMs = state.writtenMs
    this.memo = state.memo
    this.#delivered = state.delivered
    this.#settled = state.settled
    this.#log = log
    this.#readAhead = new ReadAhead((after) => log.reader(after))
    this.#backlog = new BacklogCounter(log.tail.last)
    this.#moveTo(state.position)
  }

  get inFlight(): InFlightRange | undefined {
    return this.#inFlight
  }

  get sampling(): SamplingRule | undefined {
    return this.#backlog.sampling
  }

  /** Called when a sender starts: sets its sampling, and replays the range in flight. */
  setSampling(sampling: SamplingRule | undefined): void {
    this.#backlog.setSampling(sampling, this.#log.tail.last)
    this.#replay = this.#inFlight
  }

  /**
   * Called before a snapshot with this sequence number is appended. True if the endpoint waits for it: the record then
   * carries its in-flight mark.
   */
  mark(sequence: number): boolean {
    const isNext = this.#isWaiting && this.position.sequence === sequence - 1 && this.#inFlight === undefined
    if (!isNext || this.sampling !== undefined || !isMarkable(this.name)) return false
    this.#marked = sequence
    return true
  }

  /** Makes the state durable, so that in-flight marks of older segments are not needed. */
  checkpoint(): Promise<void> {
    return this.#save(true)
  }

  appended(entry: LogEntry): void {
    this.#backlog.appended(entry)
  }

  /** Wakes a waiting read. */
  wake(): void {
    this.#notifier.notify()
  }

  async read({ samples }: Limit, signal: AbortSignal): Promise<readonly Entry[]> {
    for (;;) {
      signal.throwIfAborted()
      this.#notifier.reset()
      const replay = this.#replay
      const { sampling } = this.#backlog
      const read = () => (replay ? this.#upTo(replay.last) : this.#next(readCountFor(sampling, samples)))
      const entries = await this.#tryUntilRead(read, signal)
      this.#replay = undefined
      this.#countGaps(entries)
      this.#delivering = entries
      const included = entries.filter(({ snapshot }) => includes(sampling, snapshot))
      if (included.length > 0) {
        this.#oldestMs = included[0]?.snapshot.timestampMs
        return replay ? included : within(included, samples)
      }
      if (replay !== undefined) this.#inFlight = undefined // the whole range was dropped
      const skipped = entries.at(-1)
      if (skipped !== undefined) this.#moveTo(this.#positionOf(skipped.sequence))
      else if (replay === undefined) await this.#wait(signal)
    }
  }

  async markInFlight(inFlight: InFlightRange): Promise<void> {
    this.#inFlight = { ...inFlight, samples: this.#positionOf(inFlight.last).samples }
    this.#writtenMs = this.#log.now()
    const { first, last, note } = inFlight
    const isMarked = note === '' && first === last && last === this.#marked && this.#log.isWritten(last)
    if (!isMarked) await this.#save(true)
  }

  async commit(sequence: number, verdict: DeliveryVerdict = 'delivered'): Promise<void> {
    this.#inFlight = undefined
    this.#settled = Math.max(this.#settled, sequence)
    if (verdict === 'delivered') {
      this.#delivered = sequence
      this.#last = this.#entry(sequence)
    }
    this.#writtenMs = this.#log.now()
    if (sequence > this.position.sequence) this.#moveTo(this.#positionOf(sequence))
    await this.#save(false)
    await this.#log.moved()
  }

  async lastDelivered(sinceMs: number): Promise<Entry | undefined> {
    if (this.#delivered === 0) return undefined
    const entry = this.#last ?? (await entryAt(this.#delivered, this.#log.reader))
    return entry !== undefined && entry.snapshot.timestampMs >= sinceMs ? entry : undefined
  }

  /** Advances the cursor past dropped entries. */
  async skipTo(to: LogPosition, reason: DropReason): Promise<void> {
    if (to.sequence <= this.position.sequence) return
    this.#skipTo(to, reason)
    await this.#save(false)
  }

  #skipTo(to: LogPosition, reason: DropReason = 'corrupt'): void {
    this.expireThrough({ from: this.position.samples, to: to.samples }, reason)
    this.#moveTo(to)
    this.#settled = to.sequence
    this.#oldestMs = undefined
  }

  /**
   * Counts lost samples for this endpoint, except those that it has passed and those that are in flight. Returns their
   * number.
   */
  expireThrough({ from, to }: Loss, reason: DropReason): number {
    const readTo = Math.max(this.position.samples, this.#countedTo)
    const samples = this.#backlog.share(this.#log.uncounted({ from: Math.max(from, readTo), to }))
    this.drop(reason, samples)
    return samples
  }

  /** The number of the last sample in flight, including the in-flight range of the previous agent. */
  get samplesOnTheirWay(): number {
    return Math.max(this.position.samples, this.#inFlight?.samples ?? 0, this.#countedTo)
  }

  remember(memo: string): Promise<void> {
    this.memo = memo
    return this.#save(true)
  }

  saveDeadLetter(deadLetter: DeadLetter): Promise<void> {
    return this.#log.saveDeadLetter(this.name, deadLetter)
  }

  drop(reason: DropReason, samples: number): void {
    if (samples > 0) this.#log.dropped(this.name, reason, samples)
  }

  backlog(): Backlog {
    const { tail } = this.#log
    const { snapshots, samples, oldestMs: known } = this.#backlog.between(this.position, tail.last)
    if (snapshots === 0) return { snapshots: 0, samples: 0, bytes: 0, oldestMs: undefined }
    const live = tail.entries[this.position.sequence + 1 - tail.first]
    const oldestMs =
      known ?? live?.snapshot.timestampMs ?? this.#readAhead.entries[0]?.snapshot.timestampMs ?? this.#oldestMs
    const bytes = this.#backlog.share(this.#log.bytesAfter(this.position))
    return { snapshots, samples, bytes, oldestMs }
  }

  /** Sets an estimate of `oldestMs` until the first read. */
  guessOldest(timestampMs: number | undefined): void {
    this.#oldestMs ??= timestampMs
  }

  state(): CursorState {
    const { name, position, uncertain, memo } = this
    const [writtenMs, delivered, settled] = [this.#writtenMs, this.#delivered, this.#settled]
    return { name, position, inFlight: this.#mayBeInFlight(), uncertain, writtenMs, memo, delivered, settled }
  }

  /** The range in flight, or a marked record that the endpoint may send at any time without a change of the file. */
  #mayBeInFlight(): CursorState['inFlight'] {
    const marked = this.#marked
    if (this.#inFlight !== undefined || marked <= this.position.sequence || !this.#log.isWritten(marked))
      return this.#inFlight
    return { first: marked, last: marked, note: '', samples: this.#positionOf(marked).samples }
  }

  close(): Promise<void> {
    return this.#readAhead.close()
  }

  async #wait(signal: AbortSignal): Promise<void> {
    this.#isWaiting = true
    await this.#notifier.wait(signal).finally(() => {
      this.#isWaiting = false
    })
  }

  /** Retries a failing read after a pause. */
  async #tryUntilRead<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await read()
      } catch {
        await this.#log.pause(signal) // the reader has counted and logged it
      }
    }
  }

  /** The entries up to a sequence number that still exist, without a limit of size. */
  async #upTo(last: number): Promise<readonly LogEntry[]> {
    const entries = await this.#next(Number.POSITIVE_INFINITY, last)
    return entries.filter(({ sequence }) => sequence <= last)
  }

  async #next(samples: number, last = this.#log.available()): Promise<readonly LogEntry[]> {
    const { tail } = this.#log
    if (tail.first > this.position.sequence + 1) {
      await this.#readAhead.fill(this.position.sequence, last, samples)
      this.#moveTo(this.position) // retention may have moved it during the read
      const read = within(this.#readAhead.entries, samples)
      if (read.length > 0) return read
      this.#skipTo(tail.before)
    }
    await this.#readAhead.clear()
    return tail.after(this.position.sequence, Math.min(last, this.#log.available()), samples)
  }

  /** Counts samples that are missing before or among these entries and are not counted yet. */
  #countGaps(entries: readonly LogEntry[]): void {
    for (const { samplesBefore, samplesAfter, snapshot } of entries) {
      const before = this.#log.uncounted({ from: this.#countedTo, to: samplesBefore })
      const among = this.#countedTo < samplesAfter ? samplesAfter - samplesBefore - snapshot.values.length : 0
      this.drop('corrupt', this.#backlog.share(before + among))
      this.#countedTo = Math.max(this.#countedTo, samplesAfter)
    }
  }

  #positionOf(sequence: number): LogPosition {
    const samples = this.#entry(sequence)?.samplesAfter ?? Math.max(this.position.samples, this.#countedTo)
    return { sequence, samples }
  }

  /** An entry, if it is in memory. */
  #entry(sequence: number): LogEntry | undefined {
    const matches = (entry: LogEntry) => entry.sequence === sequence
    return this.#delivering.find(matches) ?? this.#log.tail.entries.find(matches)
  }

  #moveTo(to: LogPosition): void {
    const { newest, start } = this.#log.gap
    const isInGap = to.sequence >= newest && to.sequence < start.sequence
    if (isInGap) this.expireThrough({ from: to.samples, to: start.samples }, 'corrupt')
    this.position = isInGap ? start : to
    this.#countedTo = Math.max(this.#countedTo, this.position.samples)
    this.#readAhead.pass(this.position.sequence)
  }

  #save(sync: boolean): Promise<void> {
    return this.#log.save(this.state(), sync)
  }
}

/** Counts the backlog of a cursor. Snapshots that were appended before the sampling was set are estimated. */
class BacklogCounter {
  sampling: SamplingRule | undefined
  #since: LogPosition
  #included: { readonly sequence: number; readonly samples: number; readonly timestampMs: number }[] = []

  constructor(since: LogPosition) {
    this.#since = since
  }

  setSampling(sampling: SamplingRule | undefined, since: LogPosition): void {
    this.sampling = sampling
    this.#since = since
    this.#included = []
  }

  appended({ sequence, snapshot }: LogEntry): void {
    if (this.sampling === undefined || !includes(this.sampling, snapshot)) return
    const { timestampMs, values } = snapshot
    this.#included.push({ sequence, samples: values.length, timestampMs })
  }

  /** Estimate of how many of these samples the sampling includes. */
  share(samples: number): number {
    return fractionOf(this.sampling, samples)
  }

  /** The included snapshots between a cursor and the end of the log, and the time of the oldest, if known. */
  between(from: LogPosition, to: LogPosition) {
    const { sequence, samples } = this.sampling === undefined ? to : this.#since
    const before = {
      snapshots: Math.max(0, sequence - from.sequence),
      samples: Math.max(0, samples - from.samples),
      oldestMs: undefined,
    }
    if (this.sampling === undefined) return before
    this.#included = this.#included.filter(({ sequence }) => sequence > from.sequence)
    return {
      snapshots: this.share(before.snapshots) + this.#included.length,
      samples: this.#included.reduce((sum, { samples }) => sum + samples, this.share(before.samples)),
      oldestMs: before.snapshots === 0 ? this.#included[0]?.timestampMs : undefined,
    }
  }
}
