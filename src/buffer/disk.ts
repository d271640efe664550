import { type Clock, within } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { Aside } from './aside.ts'
import { Bounds, TrustedTime } from './bounds.ts'
import type { Buffer, BufferStats, Cursor, DropReason } from './buffer.ts'
import { Corrupt } from './corrupt.ts'
import { DiskCursor, type Standing } from './cursor.ts'
import { Cursors } from './cursors.ts'
import type { Files } from './files.ts'
import { LogReader, type Reading } from './log-reader.ts'
import { Losses } from './losses.ts'
import { SeriesPool } from './pool.ts'
import { type Found, recover } from './recovery.ts'
import { type Place, Ring } from './ring.ts'
import { Segments } from './segments.ts'
import { type Sync, Writer } from './writer.ts'

export interface DiskOptions {
  readonly directory: string
  readonly sync: Sync
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly minFreeBytes: number
}

export interface DiskNeeds {
  readonly clock: Clock
  readonly log: Log
  readonly files: Files
  /** Of this boot, as the kernel writes it. */
  readonly bootId: string
  /** The directory has gone and is made anew. */
  readonly onMoved: () => Promise<void>
}

const segmentBytes = 4 * 1024 * 1024
/** Snapshots that the disk does not take, and those of a live sender. */
const ringBytes = { mostBytes: 8 * 1024 * 1024, liveBytes: 256 * 1024 }
/** What a stop may take to write the rest. */
const closeMs = 10_000

/** The log on disk, held together: ring → writer → segments → cursors. */
export class DiskBuffer implements Buffer {
  readonly stats: BufferStats
  readonly segments: Segments
  readonly aside: Aside
  readonly #options: DiskOptions
  readonly #needs: DiskNeeds
  readonly #ring: Ring
  readonly #writer: Writer
  readonly #file: Cursors
  readonly #reading: Reading
  readonly #bounds: Bounds
  readonly #losses = new Losses()
  readonly #lostCursors: boolean
  /** Of every endpoint that the disk knows; asked for are those that are configured now. */
  readonly #cursors = new Map<string, DiskCursor>()
  readonly #asked = new Set<string>()
  #hasReported = false

  static async open(options: DiskOptions, needs: DiskNeeds): Promise<DiskBuffer> {
    const { files, log, clock } = needs
    const stats: BufferStats = {
      appendedSnapshots: 0,
      appendedSamples: 0,
      bytes: 0,
      diskErrors: 0,
      damagedRecords: 0,
      dropped: new Map(),
    }
    const { directory, sync } = options
    const segments = new Segments(files, `${directory}/log`)
    const corrupt = new Corrupt(`${directory}/corrupt`, { files, clock, log, stats })
    const cursors = new Cursors(`${directory}/cursors`, { files, log, stats, syncs: sync === 'always' })
    const found = await recover(directory, { files, log, stats, segments, corrupt, cursors })
    return new DiskBuffer(options, needs, { stats, segments, corrupt, cursors, found })
  }

  private constructor(
    options: DiskOptions,
    needs: DiskNeeds,
    parts: {
      readonly stats: BufferStats
      readonly segments: Segments
      readonly corrupt: Corrupt
      readonly cursors: Cursors
      readonly found: Found
    },
  ) {
    const { stats, segments, corrupt, cursors, found } = parts
    const { files, clock, log } = needs
    this.#options = options
    this.#needs = needs
    this.stats = stats
    this.segments = segments
    this.aside = new Aside(`${options.directory}/aside`, { files, clock, log, stats })
    this.#file = cursors
    this.#ring = new Ring(found.last, ringBytes)
    this.#reading = { files, segments, corrupt, stats, log, lost: (loss) => this.#losses.add(loss) }
    this.#bounds = new Bounds(options, {
      ...{ segments, log, stats, losses: this.#losses, cursors: this.#cursors },
      safe: () => cursors.safe,
      time: new TrustedTime(clock, continuityOf(found, needs.bootId)),
      onAge: (before) => this.#forgetRemoved(before),
    })
    this.#lostCursors = found.lostCursors
    const writing = {
      sync: options.sync,
      segmentBytes: Math.min(segmentBytes, Math.ceil(options.maxBytes / 8)),
      minFreeBytes: options.minFreeBytes,
    }
    this.#writer = new Writer(writing, {
      ...{ files, clock, log, stats, segments },
      ring: this.#ring,
      bootId: needs.bootId,
      onProgress: () => this.#progress(),
      onMoved: needs.onMoved,
    })
    for (const state of cursors.states) {
      const isOld = options.sync !== 'always' && found.newest?.bootId !== needs.bootId
      const isDoubtful = isOld || cursors.doubtful.has(state.name)
      const uncertain = isDoubtful ? found.last.sequence : state.uncertain
      this.#cursors.set(state.name, new DiskCursor({ ...state, uncertain }, this.#standing()))
    }
    this.stats.bytes = segments.bytes
  }

  get directory(): string {
    return this.#options.directory
  }

  /** Why the disk is not used; undefined while it is. */
  get trouble(): string | undefined {
    return this.#writer.failing
  }

  /** Every endpoint that has a place in the log, also those that are not configured any more. */
  get cursors(): readonly DiskCursor[] {
    return [...this.#cursors.values()]
  }

  isConfigured(endpoint: string): boolean {
    return this.#asked.has(endpoint)
  }

  append(snapshot: Snapshot): number {
    this.stats.appendedSnapshots++
    this.stats.appendedSamples += snapshot.values.length
    const { entry, lost } = this.#ring.append(snapshot, this.#needs.clock.bootMs())
    for (const { samplesBefore: from, samplesAfter: to } of lost) {
      for (const cursor of this.#cursors.values()) cursor.lose({ from, to }, 'disk_failed')
      this.#losses.add({ from, to })
      this.#writer.tell({ from, to })
    }
    if (!this.#hasReported) this.#reportRemoved()
    if (this.#writer.failing !== undefined) this.#wakeAll()
    this.#writer.wake()
    return entry.sequence
  }

  cursor(endpoint: string): Cursor {
    this.#asked.add(endpoint)
    const known = this.#cursors.get(endpoint)
    if (known !== undefined) {
      known.guessOldest(this.segments.holding(known.position.sequence + 1)?.createdMs)
      if (known.uncertain > known.position.sequence)
        this.#needs.log.warn('buffer: a cursor was damaged; what is behind it may have arrived before', { endpoint })
      return known
    }
    const [oldest] = this.segments.all
    const isLost = this.#lostCursors && oldest !== undefined
    const position = isLost ? { sequence: oldest.first - 1, samples: oldest.samplesBefore } : this.#ring.last
    const uncertain = isLost ? this.#ring.last.sequence : 0
    if (isLost)
      this.#needs.log.warn('buffer: the cursors are damaged or missing: begun with the oldest snapshot', { endpoint })
    const state = { name: endpoint, position, flight: undefined, uncertain, writtenMs: this.#needs.clock.now() }
    const made = new DiskCursor(state, this.#standing())
    this.#cursors.set(endpoint, made)
    void this.#file.save(state, true)
    return made
  }

  confirmTime(receiverMs: number): void {
    this.#bounds.confirmTime(receiverMs)
  }

  /** A reader of its own on all that is on disk behind a place. */
  reader(after: number): LogReader {
    return new LogReader(after, this.#reading, new SeriesPool(() => this.#liveLists()))
  }

  /** Lets everything up to a place go at one endpoint, or at all, because somebody wants it so. */
  async dropUpTo(place: Place, endpoint: string | undefined): Promise<void> {
    for (const cursor of this.#cursors.values())
      if (endpoint === undefined || cursor.name === endpoint) await cursor.leap(place, 'dropped_by_user')
    await this.#progress()
  }

  /** The place of the newest snapshot. */
  get last(): Place {
    return this.#ring.last
  }

  async close(): Promise<void> {
    const { clock, log } = this.#needs
    const closing = this.#writer.close().then(() => this.#file.close())
    const outcome = await within(clock, closeMs, closing)
    if (outcome === 'late') log.warn('buffer: the disk is too slow to write all of it before the stop')
    for (const cursor of this.#cursors.values()) await cursor.close()
  }

  #standing(): Standing {
    return {
      ring: this.#ring,
      available: () => (this.#writer.failing === undefined ? this.#written() : this.#ring.last.sequence),
      reader: (after) => this.reader(after),
      save: (state, sync) => this.#file.save(state, sync),
      moved: () => this.#bounds.keep(),
      now: () => this.#needs.clock.now(),
      uncounted: (loss) => this.#losses.uncounted(loss),
      dropped: (endpoint, reason, samples) => this.#count(endpoint, reason, samples),
      bytesAfter: (place) => this.segments.bytesAfter(place, this.#ring.last),
      setAside: (endpoint, refused) => this.aside.keep(endpoint, refused),
    }
  }

  #written(): number {
    return this.#options.sync === 'always' ? Math.min(this.#ring.safe, this.#ring.written) : this.#ring.written
  }

  #liveLists() {
    return new Set(this.#ring.entries.map(({ snapshot }) => snapshot.series))
  }

  #wakeAll(): void {
    for (const cursor of this.#cursors.values()) cursor.wake()
  }

  async #progress(): Promise<void> {
    this.#wakeAll()
    await this.#bounds.keep()
  }

  #reportRemoved(): void {
    this.#hasReported = true
    for (const { name, position } of this.#cursors.values()) {
      if (this.#asked.has(name)) continue
      const snapshots = this.#ring.last.sequence - 1 - position.sequence
      this.#needs.log.warn('buffer: an endpoint is not configured any more; what waits for it is kept for max_age', {
        endpoint: name,
        snapshots,
      })
    }
  }

  /** An endpoint that has been away for `max_age` holds nothing any longer. */
  async #forgetRemoved(beforeMs: number): Promise<void> {
    for (const { name, writtenMs } of this.#file.states) {
      if (this.#asked.has(name) || !this.#hasReported || writtenMs >= beforeMs) continue
      await this.#cursors.get(name)?.leap(this.#ring.last, 'max_age')
      await this.forget(name)
    }
  }

  /** Forgets an endpoint that is not configured. */
  async forget(endpoint: string): Promise<void> {
    await this.#cursors.get(endpoint)?.close()
    this.#cursors.delete(endpoint)
    await this.#file.forget(endpoint)
  }

  #count(endpoint: string, reason: DropReason, samples: number): void {
    const reasons = this.stats.dropped.get(endpoint) ?? new Map<DropReason, number>()
    this.stats.dropped.set(endpoint, reasons.set(reason, (reasons.get(reason) ?? 0) + samples))
  }
}

/** What a start knows of the wall clock: the boot clock has gone on with it, or nothing is known. */
function continuityOf({ newest }: Found, bootId: string) {
  if (newest === undefined) return 'none'
  return newest.bootId === bootId ? { wallMs: newest.timestampMs, bootMs: newest.bootMs } : 'unknown'
}
