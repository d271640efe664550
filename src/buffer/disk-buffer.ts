import type { Snapshot } from '../metrics/snapshot.ts'
import { within } from '../util/clock.ts'
import type { DiskCursor } from './cursor/cursor.ts'
import type { Cursors } from './cursor/file.ts'
import type { Standing } from './cursor/log-view.ts'
import { Endpoints } from './cursor/registry.ts'
import { syncNames } from './disk/filesystem.ts'
import { Aside, asideIn } from './log/dead-letters.ts'
import type { Corrupt } from './log/quarantine.ts'
import { LogReader, type Reading } from './log/reader.ts'
import { retryMs, segmentMs, Writer } from './log/writer.ts'
import { type Place, Ring, ringBytes } from './memory-tail.ts'
import type { DiskNeeds, DiskOptions } from './options.ts'
import type { Newer } from './recovery/downgrade.ts'
import { type Opened, openLog } from './recovery/opening.ts'
import { continuityOf } from './recovery/recovery.ts'
import { Bounds, TrustedTime } from './recovery/retention.ts'
import type { Choice } from './sampling.ts'
import type { Segments } from './segment/directory.ts'
import { Losses } from './segment/losses.ts'
import { SeriesPool } from './segment/series-pool.ts'
import { countDropped } from './stats.ts'
import type { Buffer, BufferStats, Cursor, DropReason } from './types.ts'

const segmentBytes = 4 * 1024 * 1024
/** What a stop may take to write the rest. */
const closeMs = 10_000

/** The log on disk, held together: ring → writer → segments → cursors. */
export class DiskBuffer implements Buffer {
  readonly stats: BufferStats
  readonly segments: Segments
  readonly aside: Aside
  readonly corrupt: Corrupt
  /** Segments that a newer version wrote. */
  readonly newer: readonly Newer[]
  readonly #options: DiskOptions
  readonly #needs: DiskNeeds
  readonly #ring: Ring
  readonly #writer: Writer
  readonly #file: Cursors
  readonly #reading: Reading
  readonly #bounds: Bounds
  readonly #losses = new Losses()
  readonly #gap: Standing['gap']
  /** Of the agent before. */
  readonly #newestMs: number | undefined
  readonly #endpoints: Endpoints

  static async open(options: DiskOptions, needs: DiskNeeds): Promise<DiskBuffer> {
    return new DiskBuffer(options, needs, await openLog(options, needs))
  }

  private constructor(options: DiskOptions, needs: DiskNeeds, found: Opened) {
    const { stats, segments, corrupt, cursors, last, newest, lostCursors } = found
    const { files, clock, log } = needs
    this.#options = options
    this.#needs = needs
    this.stats = stats
    this.segments = segments
    this.corrupt = corrupt
    this.newer = found.newer
    if (found.moved !== undefined) this.#losses.add(found.moved)
    this.aside = new Aside(options.aside ?? asideIn(options.directory), { files, clock, log, stats })
    this.#file = cursors
    this.#gap = { newest: newest?.sequence ?? 0, start: last }
    this.#newestMs = newest?.timestampMs
    this.#ring = new Ring(last, ringBytes)
    this.#reading = { files, segments, corrupt, stats, log, lost: (loss) => this.#losses.add(loss) }
    const isOld = options.sync !== 'always' && newest?.bootId !== needs.bootId
    this.#endpoints = new Endpoints({ file: cursors, segments, log, last, lostCursors, isOld }, this.#standing())
    this.#bounds = new Bounds(options, {
      ...{ segments, log, stats, losses: this.#losses, cursors: this.#endpoints.cursors },
      safe: () => cursors.safe,
      time: new TrustedTime(clock, continuityOf(found, needs.bootId)),
      onAge: (before) => this.#endpoints.forgetRemoved(before),
    })
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
      onMoved: async () => {
        cursors.doubt()
        await needs.onMoved()
      },
    })
    this.stats.bytes = segments.bytes
  }

  get directory(): string {
    return this.#options.directory
  }

  /** Why the disk is not used; undefined while it is. */
  get trouble(): string | undefined {
    return this.#writer.failing
  }

  /** There is something in memory that is not on disk. */
  get isBehind(): boolean {
    return this.#ring.written < this.#ring.last.sequence
  }

  get isSafe(): boolean {
    return this.trouble === undefined && !this.isBehind
  }

  /** Every endpoint that has a place in the log, also those that are not configured any more. */
  get cursors(): readonly DiskCursor[] {
    return [...this.#endpoints.cursors.values()]
  }

  isConfigured(endpoint: string): boolean {
    return this.#endpoints.isConfigured(endpoint)
  }

  append(snapshot: Snapshot): number {
    this.stats.appendedSnapshots++
    this.stats.appendedSamples += snapshot.values.length
    const { entry, lost } = this.#ring.append(snapshot, this.#needs.clock.bootMs())
    for (const { samplesBefore: from, samplesAfter: to } of lost) {
      for (const cursor of this.#endpoints.cursors.values()) cursor.lose({ from, to }, 'disk_failed')
      this.#losses.add({ from, to })
      this.#writer.tell({ from, to })
    }
    for (const cursor of this.#endpoints.cursors.values()) cursor.appended(entry)
    this.#endpoints.report()
    if (this.#writer.failing !== undefined) this.#wakeAll()
    this.#writer.wake()
    return entry.sequence
  }

  cursor(endpoint: string, choice?: Choice): Cursor {
    return this.#endpoints.cursor(endpoint, choice)
  }

  confirmTime(receiverMs: number): void {
    this.#bounds.confirmTime(receiverMs)
  }

  leave(endpoint: string): void {
    this.#endpoints.leave(endpoint)
  }

  /** A reader of its own on all that is on disk behind a place. */
  reader(after: number): LogReader {
    return new LogReader(
      after,
      this.#reading,
      new SeriesPool(() => new Set(this.#ring.entries.map(({ snapshot }) => snapshot.series))),
    )
  }

  /** Lets everything up to a place go at one endpoint, or at all, because somebody wants it so. */
  async dropUpTo(place: Place, endpoint: string | undefined): Promise<void> {
    for (const cursor of this.#endpoints.cursors.values())
      if (endpoint === undefined || cursor.name === endpoint) await cursor.leap(place, 'dropped_by_user')
    await this.#progress()
  }

  /** Forgets an endpoint that is not configured. */
  forget(endpoint: string): Promise<void> {
    return this.#endpoints.forget(endpoint)
  }

  /** When the newest snapshot was taken; undefined where there never was one. */
  get newestMs(): number | undefined {
    return this.#ring.entries.at(-1)?.snapshot.timestampMs ?? this.#newestMs
  }

  /** The place of the newest snapshot. */
  get last(): Place {
    return this.#ring.last
  }

  /** Whether even the newest that a newer version wrote is older than `max_age`: it wrote a segment for so long at most. */
  get isNewerTooOld(): boolean {
    const lastMs = Math.max(...this.newer.map(({ header }) => header.createdMs)) + segmentMs
    return this.#bounds.isTooOld(lastMs)
  }

  /** Lets all of it go where even the newest is older than `max_age`. */
  async expire(): Promise<void> {
    if (this.#bounds.isTooOld(this.newestMs)) await this.giveUp('max_age')
  }

  /** Lets all of it go for every endpoint, and counts it. */
  async giveUp(reason: DropReason): Promise<void> {
    for (const cursor of this.#endpoints.cursors.values()) await cursor.leap(this.#ring.last, reason)
  }

  async close(): Promise<void> {
    const { clock, log } = this.#needs
    const closing = this.#writer.close().then(() => this.#file.close())
    const outcome = await within(clock, closeMs, closing)
    if (outcome === 'late') log.warn('buffer: the disk is too slow to write all of it before the stop')
    const { sync, directory } = this.#options
    const isNew = this.#gap.newest === 0 // the names of a log that was left are as safe as they were
    if (sync === 'end' && isNew) await syncNames(this.#needs.files, directory).catch(() => {}) // a bad disk is known
    await this.#endpoints.close()
    await this.#needs.onClose?.()
  }

  /** Lets go of the files without another byte for them: whoever calls this deletes the directory. */
  async abandon(): Promise<void> {
    await this.#writer.abandon()
    await this.#file.abandon()
    await this.#endpoints.close()
    await this.#needs.onClose?.()
  }

  #standing(): Standing {
    return {
      ring: this.#ring,
      gap: this.#gap,
      available: () => (this.#writer.failing === undefined ? this.#written() : this.#ring.last.sequence),
      reader: (after) => this.reader(after),
      save: (state, sync) => this.#file.save(state, sync),
      moved: () => this.#bounds.keep(),
      now: () => this.#needs.clock.now(),
      pause: (signal) => this.#needs.clock.sleep(retryMs, signal),
      uncounted: (loss) => this.#losses.uncounted(loss),
      dropped: (endpoint, reason, samples) => countDropped(this.stats, endpoint, reason, samples),
      bytesAfter: (place) => this.segments.bytesAfter(place, this.#ring.last),
      setAside: (endpoint, refused) => this.aside.keep(endpoint, refused),
    }
  }

  #written(): number {
    return this.#options.sync === 'always' ? Math.min(this.#ring.safe, this.#ring.written) : this.#ring.written
  }

  #wakeAll(): void {
    for (const cursor of this.#endpoints.cursors.values()) cursor.wake()
  }

  async #progress(): Promise<void> {
    this.#wakeAll()
    await this.#bounds.keep()
  }
}
