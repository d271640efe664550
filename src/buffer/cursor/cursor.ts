import { entryAt } from '../log/reader.ts'
import { type LogEntry, type Place, within } from '../memory-tail.ts'
import { type Choice, neededFor, takes } from '../sampling.ts'
import type { Loss } from '../segment/reader.ts'
import type { Backlog, Cursor, DropReason, Entry, Flight, Limit, Refused, Verdict } from '../types.ts'
import type { Standing } from './log-view.ts'
import { Arrival } from './notifier.ts'
import { Window } from './read-ahead.ts'
import type { CursorState } from './record.ts'
import { Waiting } from './waiting.ts'

export class DiskCursor implements Cursor {
  readonly name: string
  readonly uncertain: number
  position: Place
  memo: string
  readonly #standing: Standing
  #flight: (Flight & { readonly samples: number }) | undefined
  /** The range to give at the first reading. */
  #owed: Flight | undefined
  readonly #window: Window
  /** The last that was given out. */
  #given: readonly LogEntry[] = []
  /** The number of the last that was delivered, and that one itself where this process has delivered it. */
  #delivered: number
  #last: LogEntry | undefined
  #settled: number
  /** Gaps up to here in the numbering of samples are counted. */
  #countedTo: number
  #oldestMs: number | undefined
  /** When its sender was last at work. */
  #writtenMs: number
  readonly #waiting: Waiting
  readonly #arrival = new Arrival()

  constructor(state: CursorState, standing: Standing) {
    this.name = state.name
    this.position = state.position
    this.uncertain = state.uncertain
    this.#flight = state.flight
    this.#owed = state.flight
    this.#countedTo = state.position.samples
    this.#writtenMs = state.writtenMs
    this.memo = state.memo
    this.#delivered = state.delivered
    this.#settled = state.settled
    this.#standing = standing
    this.#window = new Window((after) => standing.reader(after))
    this.#waiting = new Waiting(standing.ring.last)
    this.#stand(state.position)
  }

  get flight(): Flight | undefined {
    return this.#flight
  }

  get choice(): Choice | undefined {
    return this.#waiting.choice
  }

  /** Its sender begins: with what was in flight, and with what it takes. */
  choose(choice: Choice | undefined): void {
    this.#waiting.choose(choice, this.#standing.ring.last)
    this.#owed = this.#flight
  }

  appended(entry: LogEntry): void {
    this.#waiting.appended(entry)
  }

  /** There may be something to read. */
  wake(): void {
    this.#arrival.announce()
  }

  async read({ samples }: Limit, signal: AbortSignal): Promise<readonly Entry[]> {
    for (;;) {
      signal.throwIfAborted()
      this.#arrival.expect()
      const owed = this.#owed
      const { choice } = this.#waiting
      const read = () => (owed ? this.#upTo(owed.last) : this.#next(neededFor(choice, samples)))
      const entries = await this.#tryUntilRead(read, signal)
      this.#owed = undefined
      this.#countGaps(entries)
      this.#given = entries
      const taken = entries.filter(({ snapshot }) => takes(choice, snapshot))
      if (taken.length > 0) {
        this.#oldestMs = taken[0]?.snapshot.timestampMs
        return owed ? taken : within(taken, samples)
      }
      if (owed !== undefined) this.#flight = undefined // nothing is left of it
      const passed = entries.at(-1)
      if (passed !== undefined) this.#stand(this.#placeOf(passed.sequence))
      else if (owed === undefined) await this.#arrival.wait(signal)
    }
  }

  async begin(flight: Flight): Promise<void> {
    this.#flight = { ...flight, samples: this.#placeOf(flight.last).samples }
    this.#writtenMs = this.#standing.now()
    await this.#save(true)
  }

  async move(sequence: number, verdict: Verdict = 'delivered'): Promise<void> {
    this.#flight = undefined
    this.#settled = Math.max(this.#settled, sequence)
    if (verdict === 'delivered') {
      this.#delivered = sequence
      this.#last = this.#entry(sequence)
    }
    this.#writtenMs = this.#standing.now()
    if (sequence > this.position.sequence) this.#stand(this.#placeOf(sequence))
    await this.#save(false)
    await this.#standing.moved()
  }

  async lastDelivered(sinceMs: number): Promise<Entry | undefined> {
    if (this.#delivered === 0) return undefined
    const entry = this.#last ?? (await entryAt(this.#delivered, this.#standing.reader))
    return entry !== undefined && entry.snapshot.timestampMs >= sinceMs ? entry : undefined
  }

  /** Goes behind what has been let go. */
  async leap(to: Place, reason: DropReason): Promise<void> {
    if (to.sequence <= this.position.sequence) return
    this.#leapTo(to, reason)
    await this.#save(false)
  }

  #leapTo(to: Place, reason: DropReason = 'damaged'): void {
    this.lose({ from: this.position.samples, to: to.samples }, reason)
    this.#stand(to)
    this.#settled = to.sequence
    this.#oldestMs = undefined
  }

  /** Counts what of these is gone for this endpoint: not what is behind it, and not what the sender has in its hands. */
  lose({ from, to }: Loss, reason: DropReason): void {
    const inHand = Math.max(this.position.samples, this.#countedTo)
    this.drop(reason, this.#waiting.share(this.#standing.uncounted({ from: Math.max(from, inHand), to })))
  }

  /** Samples of the log up to the last that is on its way, or was as the agent before ended. */
  get samplesOnTheirWay(): number {
    return Math.max(this.position.samples, this.#flight?.samples ?? 0, this.#countedTo)
  }

  remember(memo: string): Promise<void> {
    this.memo = memo
    return this.#save(false)
  }

  setAside(refused: Refused): Promise<void> {
    return this.#standing.setAside(this.name, refused)
  }

  drop(reason: DropReason, samples: number): void {
    if (samples > 0) this.#standing.dropped(this.name, reason, samples)
  }

  backlog(): Backlog {
    const { ring } = this.#standing
    const { snapshots, samples, oldestMs: known } = this.#waiting.between(this.position, ring.last)
    if (snapshots === 0) return { snapshots: 0, samples: 0, bytes: 0, oldestMs: undefined }
    const live = ring.entries[this.position.sequence + 1 - ring.first]
    const oldestMs =
      known ?? live?.snapshot.timestampMs ?? this.#window.entries[0]?.snapshot.timestampMs ?? this.#oldestMs
    const bytes = this.#waiting.share(this.#standing.bytesAfter(this.position))
    return { snapshots, samples, bytes, oldestMs }
  }

  /** What `oldestMs` is as long as nothing has been read. */
  guessOldest(timestampMs: number | undefined): void {
    this.#oldestMs ??= timestampMs
  }

  state(): CursorState {
    const { name, position, uncertain, memo } = this
    const [flight, writtenMs, delivered, settled] = [this.#flight, this.#writtenMs, this.#delivered, this.#settled]
    return { name, position, flight, uncertain, writtenMs, memo, delivered, settled }
  }

  close(): Promise<void> {
    return this.#window.close()
  }

  /** A disk that fails is asked again after a while. */
  async #tryUntilRead<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await read()
      } catch {
        await this.#standing.pause(signal) // counted and said by the reader
      }
    }
  }

  /** The range up to a number, whatever its size; what of it is still there. */
  async #upTo(last: number): Promise<readonly LogEntry[]> {
    const entries = await this.#next(Number.POSITIVE_INFINITY, last)
    return entries.filter(({ sequence }) => sequence <= last)
  }

  async #next(samples: number, last = this.#standing.available()): Promise<readonly LogEntry[]> {
    const { ring } = this.#standing
    if (ring.first > this.position.sequence + 1) {
      await this.#window.fill(this.position.sequence, last, samples)
      this.#stand(this.position) // which may have moved meanwhile
      const read = within(this.#window.entries, samples)
      if (read.length > 0) return read
      this.#leapTo(ring.before)
    }
    await this.#window.clear()
    return ring.after(this.position.sequence, Math.min(last, this.#standing.available()), samples)
  }

  /** Samples that should be before or among these and are not, and that nobody has counted. */
  #countGaps(entries: readonly LogEntry[]): void {
    for (const { samplesBefore, samplesAfter, snapshot } of entries) {
      const before = this.#standing.uncounted({ from: this.#countedTo, to: samplesBefore })
      const among = this.#countedTo < samplesAfter ? samplesAfter - samplesBefore - snapshot.values.length : 0
      this.drop('damaged', this.#waiting.share(before + among))
      this.#countedTo = Math.max(this.#countedTo, samplesAfter)
    }
  }

  #placeOf(sequence: number): Place {
    const samples = this.#entry(sequence)?.samplesAfter ?? Math.max(this.position.samples, this.#countedTo)
    return { sequence, samples }
  }

  /** One that is in memory. */
  #entry(wanted: number): LogEntry | undefined {
    const isIt = ({ sequence }: LogEntry) => sequence === wanted
    return this.#given.find(isIt) ?? this.#standing.ring.entries.find(isIt)
  }

  #stand(place: Place): void {
    const { newest, start } = this.#standing.gap
    const isInGap = place.sequence >= newest && place.sequence < start.sequence
    if (isInGap) this.lose({ from: place.samples, to: start.samples }, 'damaged')
    this.position = isInGap ? start : place
    this.#countedTo = Math.max(this.#countedTo, this.position.samples)
    this.#window.pass(this.position.sequence)
  }

  #save(sync: boolean): Promise<void> {
    return this.#standing.save(this.state(), sync)
  }
}
