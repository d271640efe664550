import type { Snapshot } from '../metrics/index.ts'
import { withTimeout } from '../util/clock.ts'
import { report } from '../util/log.ts'
import type { DiskCursor } from './cursor/cursor.ts'
import type { CursorFile } from './cursor/file.ts'
import type { LogView } from './cursor/log-view.ts'
import { CursorRegistry } from './cursor/registry.ts'
import { syncNames } from './disk/filesystem.ts'
import { KeptSegments } from './history/kept-segments.ts'
import { DeadLetters, deadLetterDirectory } from './log/dead-letters.ts'
import type { Quarantine } from './log/quarantine.ts'
import { LogReader, type ReaderDeps } from './log/reader.ts'
import { retryMs, Writer } from './log/writer.ts'
import { type LogPosition, MemoryTail, tailBytes } from './memory-tail.ts'
import { messages } from './messages.ts'
import { countDropped } from './metrics.ts'
import type { DiskDeps, DiskOptions } from './options.ts'
import { continuityOf, type Opened, openLog } from './recovery/recovery.ts'
import { ClockTrust, Retention } from './recovery/retention.ts'
import type { SamplingRule } from './sampling.ts'
import type { Segments } from './segment/directory.ts'
import { CountedLosses } from './segment/reader.ts'
import { SeriesPool } from './segment/series-pool.ts'
import type { Buffer, BufferStats, Cursor, DropReason } from './types.ts'

const segmentBytes = 4 * 1024 * 1024
/** Time limit for writing the rest at a stop. */
const closeMs = 10_000

/** The log on disk. Wires its parts: memory tail → writer → segments → cursors. */
export class DiskBuffer implements Buffer {
  readonly stats: BufferStats
  readonly segments: Segments
  readonly deadLetters: DeadLetters
  readonly quarantine: Quarantine
  readonly kept: KeptSegments
  readonly offset: number
  readonly #options: DiskOptions
  readonly #deps: DiskDeps
  readonly #tail: MemoryTail
  readonly #writer: Writer
  readonly #file: CursorFile
  readonly #reading: ReaderDeps
  readonly #retention: Retention
  readonly #countedLosses = new CountedLosses()
  readonly #gap: LogView['gap']
  /** Timestamp of the newest snapshot of the previous agent. */
  readonly #newestMs: number | undefined
  readonly #registry: CursorRegistry

  static async open(options: DiskOptions, deps: DiskDeps): Promise<DiskBuffer> {
    return new DiskBuffer(options, deps, await openLog(options, deps))
  }

  private constructor(options: DiskOptions, deps: DiskDeps, found: Opened) {
    const { stats, segments, corrupt, cursors, last, newest, lostCursors } = found
    const { files, clock, log } = deps
    this.#options = options
    this.#deps = deps
    this.stats = stats
    this.segments = segments
    this.quarantine = corrupt
    this.deadLetters = new DeadLetters(options.deadLettersOf ?? deadLetterDirectory(options.directory), {
      files,
      clock,
      log,
      stats,
    })
    this.#file = cursors
    this.#gap = { newest: newest?.sequence ?? 0, start: last }
    this.#newestMs = newest?.timestampMs
    this.offset = found.offset ?? deps.offset ?? 0
    this.#tail = new MemoryTail(last, tailBytes)
    this.#reading = { files, segments, corrupt, stats, log, lost: (loss) => this.#countedLosses.add(loss) }
    const isOld = (options.sync !== 'always' && newest?.bootId !== deps.bootId) || found.isNewestCorrupt
    this.#registry = new CursorRegistry(
      { file: cursors, segments, log, last, lostCursors, marks: found.marks, isOld },
      this.#logView(),
    )
    const keep = options.keep ?? { maxAgeMs: 0, maxBytes: 0 }
    this.kept = new KeptSegments({ files, directory: segments.directory, options: keep })
    this.#retention = new Retention(options, {
      ...{ segments, log, stats, countedLosses: this.#countedLosses, cursors: this.#registry.cursors },
      kept: this.kept,
      safe: () => cursors.safe,
      time: new ClockTrust(clock, continuityOf(found, deps.bootId)),
      onAge: (before) => this.#registry.forgetRemoved(before),
    })
    const writing = {
      sync: options.sync,
      segmentBytes: Math.min(segmentBytes, Math.ceil(options.maxBytes / 8)),
      minFreeBytes: options.minFreeBytes,
    }
    this.#writer = new Writer(writing, {
      ...{ files, clock, log, stats, segments },
      tail: this.#tail,
      bootId: deps.bootId,
      offset: this.offset,
      freeSpace: async () => (await this.kept.clear().catch(() => 0)) > 0,
      onNewSegment: () => this.#registry.checkpoint(),
      onProgress: () => this.#progress(),
      onMoved: async () => {
        cursors.markUncertain()
        await deps.onMoved()
      },
    })
    this.stats.bytes = segments.bytes
  }

  get directory(): string {
    return this.#options.directory
  }

  /** Why the disk is not used; undefined if it is used. */
  get problem(): string | undefined {
    return this.#writer.failing
  }

  /** True if snapshots are in memory that are not on disk. */
  get isBehind(): boolean {
    return this.#tail.written < this.#tail.last.sequence
  }

  get isSafe(): boolean {
    return this.problem === undefined && !this.isBehind
  }

  /** The cursors of all endpoints, including endpoints that are no longer configured. */
  get cursors(): readonly DiskCursor[] {
    return [...this.#registry.cursors.values()]
  }

  isConfigured(endpoint: string): boolean {
    return this.#registry.isConfigured(endpoint)
  }

  append(snapshot: Snapshot): number {
    this.stats.appendedSnapshots++
    this.stats.appendedSamples += snapshot.values.length
    const next = this.#tail.last.sequence + 1
    const marks = this.cursors.filter((cursor) => cursor.mark(next)).map(({ name }) => name)
    const { entry, lost } = this.#tail.append(snapshot, this.#deps.clock.bootMs(), marks.slice(0, 255))
    for (const { samplesBefore: from, samplesAfter: to } of lost) {
      const dropped = this.cursors.map((cursor) => cursor.expireThrough({ from, to }, 'disk_failed'))
      this.#countedLosses.add({ from, to })
      this.#writer.note({ from, to })
      this.#writer.memoryDropped(Math.max(0, ...dropped)) // two endpoints that miss a sample: one sample
    }
    for (const cursor of this.#registry.cursors.values()) cursor.appended(entry)
    this.#registry.report()
    if (this.#writer.failing !== undefined) this.#wakeAll()
    this.#writer.wake()
    return entry.sequence
  }

  cursor(endpoint: string, sampling?: SamplingRule): Cursor {
    return this.#registry.cursor(endpoint, sampling)
  }

  confirmTime(receiverMs: number): void {
    this.#retention.confirmTime(receiverMs)
  }

  detach(endpoint: string): void {
    this.#registry.detach(endpoint)
  }

  /** A new reader of the snapshots on disk after a sequence number. */
  reader(after: number): LogReader {
    return new LogReader(
      after,
      this.#reading,
      new SeriesPool(() => new Set(this.#tail.entries.map(({ snapshot }) => snapshot.series))),
    )
  }

  /** Drops everything up to a position for one endpoint or all, by command of the user. */
  async dropThrough(place: LogPosition, endpoint: string | undefined): Promise<void> {
    for (const cursor of this.#registry.cursors.values())
      if (endpoint === undefined || cursor.name === endpoint) await cursor.skipTo(place, 'dropped_by_user')
    await this.#progress()
  }

  /** Deletes the cursor of an endpoint that is not configured. */
  forget(endpoint: string): Promise<void> {
    return this.#registry.forget(endpoint)
  }

  /** Timestamp of the newest snapshot; undefined if there never was one. */
  get newestMs(): number | undefined {
    return this.#tail.entries.at(-1)?.snapshot.timestampMs ?? this.#newestMs
  }

  /** The position of the newest snapshot. */
  get last(): LogPosition {
    return this.#tail.last
  }

  /** Drops everything if the newest snapshot is older than `max_age`. */
  async expire(): Promise<void> {
    if (this.#retention.isTooOld(this.newestMs)) await this.dropAll('max_age')
  }

  /** Drops the whole backlog of every endpoint, and counts it. */
  async dropAll(reason: DropReason): Promise<void> {
    for (const cursor of this.#registry.cursors.values()) await cursor.skipTo(this.#tail.last, reason)
  }

  async close(): Promise<void> {
    const { clock, log } = this.#deps
    const closing = this.#writer.close().then(() => this.#file.close())
    const outcome = await withTimeout(clock, closeMs, closing)
    if (outcome === 'late') report(log, messages.stopTimeout)
    const { sync, directory } = this.#options
    const isNew = this.#gap.newest === 0 // the names of a log of a previous process were synced by it
    if (sync === 'end' && isNew) await syncNames(this.#deps.files, directory).catch(() => {}) // the writer logged it
    await this.#registry.close()
    await this.#deps.onClose?.()
  }

  /** Closes the files without writing. The caller deletes the directory. */
  async abandon(): Promise<void> {
    await this.#writer.abandon()
    await this.#file.abandon()
    await this.#registry.close()
    await this.#deps.onClose?.()
  }

  #logView(): LogView {
    return {
      tail: this.#tail,
      gap: this.#gap,
      available: () => (this.#writer.failing === undefined ? this.#written() : this.#tail.last.sequence),
      isWritten: (sequence) => sequence <= this.#written(),
      reader: (after) => this.reader(after),
      save: (state, sync) => this.#file.save(state, sync),
      moved: () => this.#retention.keep(),
      now: () => this.#deps.clock.now(),
      pause: (signal) => this.#deps.clock.sleep(retryMs, signal),
      uncounted: (loss) => this.#countedLosses.notYetCounted(loss),
      dropped: (endpoint, reason, samples) => countDropped(this.stats, endpoint, reason, samples),
      bytesAfter: (position) => this.segments.bytesAfter(position, this.#tail.last),
      saveDeadLetter: (endpoint, deadLetter) => this.deadLetters.keep(endpoint, deadLetter),
    }
  }

  #written(): number {
    return this.#options.sync === 'always' ? Math.min(this.#tail.safe, this.#tail.written) : this.#tail.written
  }

  #wakeAll(): void {
    for (const cursor of this.#registry.cursors.values()) cursor.wake()
  }

  async #progress(): Promise<void> {
    this.#wakeAll()
    await this.#retention.keep()
  }
}
