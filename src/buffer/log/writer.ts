import type { Clock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import { diskRemedy } from '../disk/disk-hints.ts'
import type { FileSystem } from '../disk/filesystem.ts'
import type { MemoryTail } from '../memory-tail.ts'
import { messages } from '../messages.ts'
import type { Sync } from '../options.ts'
import type { Segments } from '../segment/directory.ts'
import type { Loss } from '../segment/reader.ts'
import { SegmentWriter } from '../segment/writer.ts'
import type { BufferStats } from '../types.ts'

export interface WriterOptions {
  readonly sync: Sync
  readonly segmentBytes: number
  /** The writer fails if the file system has less free space, in bytes. */
  readonly minFreeBytes: number
}

interface Deps {
  readonly files: FileSystem
  readonly clock: Clock
  readonly log: Log
  readonly stats: BufferStats
  readonly segments: Segments
  readonly tail: MemoryTail
  readonly bootId: string
  /** Called when more snapshots may be sent: they are on disk, or the disk has failed. */
  readonly onProgress: () => Promise<void>
  /** Offset of the schedule, a fraction of the interval, for the headers of new segments. */
  readonly offset: number
  /** Deletes data that is not needed. False if there is none. */
  readonly freeSpace: () => Promise<boolean>
  /** Called before a segment is created: makes the cursors durable. */
  readonly onNewSegment: () => Promise<void>
  /** Called when the directory was removed. */
  readonly onMoved: () => Promise<void>
}

/** Maximum time span of a segment. */
export const segmentMs = 3_600_000
/** Interval of free space checks. */
const freeSpaceCheckMs = 60_000
/** Delay before a retry after a disk error. */
export const retryMs = 60_000
/** Maximum samples of one write: encoding them blocks the event loop for about 30 ms. */
const samplesAtOnce = 100_000

/** Abort reason, shared because creating an Error is expensive. It is never shown. */
const closing = new Error('the log is being closed')

const removed = 'the buffer directory was removed'

class DiskFull extends Error {}
class DirectoryGone extends Error {}

const isSpaceShort = (error: unknown): boolean =>
  error instanceof DiskFull || ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')

/** Writes the memory tail to disk asynchronously. Snapshots that are appended during a write share the next one. */
export class Writer {
  readonly #deps: Deps
  readonly #options: WriterOptions
  #segment: SegmentWriter | undefined
  #openedMs = 0
  #freeSpaceCheckedMs = Number.NEGATIVE_INFINITY
  #syncedMs = 0
  #working: Promise<void> | undefined
  /** Why the disk is not used; undefined if it is used. */
  #failing: string | undefined
  readonly #stop = new AbortController()
  /** Counted losses that are not written to the log yet. */
  #countedLosses: Loss[] = []
  /** Undelivered samples that full memory dropped since everything was on disk. */
  #dropped = 0

  constructor(options: WriterOptions, deps: Deps) {
    this.#options = options
    this.#deps = deps
  }

  get failing(): string | undefined {
    return this.#failing
  }

  /** Records a counted loss in the log, so that no later reader counts the gap again. */
  note(loss: Loss): void {
    this.#countedLosses.push(loss)
  }

  /** Counts undelivered samples that full memory dropped. Logs the first of them until everything is on disk. */
  memoryDropped(samples: number): void {
    if (samples > 0 && this.#dropped === 0) report(this.#deps.log, messages.memoryFull, { samples })
    this.#dropped += samples
  }

  /** Starts writing if the writer is idle. */
  wake(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
      if (this.#hasMore() && !this.#stop.signal.aborted) this.wake()
    })
  }

  /** Writes and syncs the rest, with one more attempt if the disk is failing. */
  async close(): Promise<void> {
    this.#stop.abort(closing)
    await this.#working
    try {
      while (this.#hasMore()) await this.#writeSome()
      if (this.#options.sync !== 'never') await this.#segment?.sync()
      if (this.#options.sync === 'end' && this.#segment !== undefined)
        await this.#deps.files.syncDirectory(this.#deps.segments.directory)
    } catch (error) {
      await this.#fail(error)
    }
    await this.#segment?.close().catch(() => {}) // everything is synced
  }

  /** Closes without writing. The caller deletes the log. */
  async abandon(): Promise<void> {
    this.#stop.abort(closing)
    await this.#working
    await this.#segment?.close().catch(() => {}) // the log is deleted
  }

  #hasMore(): boolean {
    const { tail } = this.#deps
    return tail.written < tail.last.sequence
  }

  async #work(): Promise<void> {
    for (let failures = 0; this.#hasMore() && !this.#stop.signal.aborted; ) {
      try {
        await this.#writeSome()
        this.#reportRecovery()
        failures = 0
        await this.#deps.onProgress()
      } catch (error) {
        await this.#fail(error)
        if (isSpaceShort(error) && (await this.#deps.freeSpace())) continue
        failures++
        if (failures === 1 && !(error instanceof DiskFull) && this.#failing === undefined) {
          report(this.#deps.log, messages.writeRetrying, { err: messageOf(error) })
          continue
        }
        await this.#reportFailure(error)
        await this.#deps.clock.sleep(retryMs, this.#stop.signal).catch(() => {}) // closing ends the wait
      }
    }
  }

  async #writeSome(): Promise<void> {
    const { tail } = this.#deps
    const entries = tail.after(tail.written, tail.last.sequence, samplesAtOnce)
    const last = entries.at(-1)
    if (last === undefined) return
    const writer = await this.#currentSegment()
    await this.#ensureFreeSpace()
    const countedLosses = this.#countedLosses
    await writer.write(entries, countedLosses)
    if (!(await writer.isLinked())) throw new DirectoryGone(removed)
    const isNew = writer.segment.bytes === 0
    const isSafe = await this.#makeSafe(writer, isNew)
    if (isNew) await this.#createSegment(writer)
    writer.show()
    tail.written = last.sequence
    if (isSafe) tail.safe = last.sequence
    this.#countedLosses = this.#countedLosses.filter((loss) => !countedLosses.includes(loss))
  }

  /** Syncs as configured. True if the memory tail may evict the written snapshots. */
  async #makeSafe(writer: SegmentWriter, isNew: boolean): Promise<boolean> {
    const { sync } = this.#options
    const nowMs = this.#deps.clock.monotonicMs()
    if (sync === 'never') writer.trust()
    else if (sync === 'end') return false
    else if (isNew || sync === 'always' || nowMs - this.#syncedMs >= sync) {
      await writer.sync()
      this.#syncedMs = nowMs
    } else return false
    return true
  }

  /** The segment to write to. Creates a new one if there is none, or if it is full or too old. */
  async #currentSegment(): Promise<SegmentWriter> {
    const { files, clock, segments, tail, bootId, offset, onNewSegment } = this.#deps
    const nowMs = clock.monotonicMs()
    const known = this.#segment
    if (known !== undefined && !this.#isFinished(known, nowMs)) return known
    if (known !== undefined) {
      if (segments.all.includes(known.segment) && !(await known.isLinked())) throw new DirectoryGone(removed)
      if (this.#options.sync !== 'never') await known.sync()
      tail.safe = tail.written
      this.#segment = undefined
      await known.close()
    }
    const [first] = tail.after(tail.written, tail.last.sequence, 0)
    const header = {
      first: tail.written + 1,
      samplesBefore: first?.samplesBefore ?? 0,
      createdMs: clock.now(),
      ...{ bootId, offset },
    }
    await onNewSegment()
    await files.makeDirectory(segments.directory)
    this.#openedMs = nowMs
    this.#segment = await SegmentWriter.create(files, segments.pathOf(header.first), header)
    return this.#segment
  }

  #isFinished({ segment }: SegmentWriter, nowMs: number): boolean {
    if (segment.bytes === 0) return false
    const isForgotten = !this.#deps.segments.all.includes(segment)
    return isForgotten || segment.bytes >= this.#options.segmentBytes || nowMs - this.#openedMs >= segmentMs
  }

  async #createSegment(writer: SegmentWriter): Promise<void> {
    const { files, segments } = this.#deps
    if (this.#options.sync !== 'never' && this.#options.sync !== 'end') await files.syncDirectory(segments.directory)
    segments.add(writer.segment)
  }

  async #ensureFreeSpace(): Promise<void> {
    const { minFreeBytes } = this.#options
    const nowMs = this.#deps.clock.monotonicMs()
    if (minFreeBytes === 0 || (this.#failing === undefined && nowMs - this.#freeSpaceCheckedMs < freeSpaceCheckMs))
      return
    this.#freeSpaceCheckedMs = nowMs
    const free = await this.#deps.files.freeBytes(this.#deps.segments.directory)
    if (free < minFreeBytes)
      throw new DiskFull(`${free} bytes are free on the file system, buffer.min_free is ${minFreeBytes}`)
  }

  /**
   * A failed descriptor is not used again: after a failed fsync the kernel may have discarded the data. All snapshots
   * that are not durable are written again, to a new segment.
   */
  async #fail(error: unknown): Promise<void> {
    const { stats, tail, segments, files } = this.#deps
    stats.diskErrors++
    const writer = this.#segment
    this.#segment = undefined
    tail.written = Math.min(tail.written, Math.max(tail.safe, tail.first - 1))
    if (writer !== undefined && !(await writer.abandon())) {
      segments.forget(writer.segment)
      await files.remove(writer.segment.path).catch(() => {}) // it contains no durable record
    }
    if (!(error instanceof DirectoryGone)) return
    await segments.look().catch(() => {}) // a reader detects missing segments too
    tail.doubt()
    await this.#deps.onMoved()
  }

  /** Logs the failure, and lets the outputs send from memory. */
  async #reportFailure(error: unknown): Promise<void> {
    const { log, onProgress } = this.#deps
    const reason = messageOf(error)
    const fields = { reason, hint: diskRemedy(reason), retry_in: `${retryMs / 1000}s` }
    report(log, this.#failing === undefined ? messages.diskFailed : messages.diskStillFailing, fields)
    this.#failing = reason
    await onProgress()
  }

  #reportRecovery(): void {
    const dropped = this.#dropped
    if (this.#failing !== undefined) report(this.#deps.log, messages.diskRecovered, dropped === 0 ? {} : { dropped })
    this.#failing = undefined
    if (!this.#hasMore()) this.#dropped = 0
  }
}
