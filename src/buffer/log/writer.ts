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
  /** Nothing is written where it would leave less to others. */
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
  /** More may be sent than before: it is on disk, or the disk has failed. */
  readonly onProgress: () => Promise<void>
  /** The directory has gone and was made anew. */
  readonly onMoved: () => Promise<void>
}

/** How long one segment is written to, at most. */
export const segmentMs = 3_600_000
/** How often it is asked how much room there is. */
const freeSpaceCheckMs = 60_000
/** How long a disk that failed is left alone. */
export const retryMs = 60_000
/** Samples of one write at most: packing them takes the event loop some 30 ms. */
const samplesAtOnce = 100_000

/** One for all, as an Error is dear. Nobody sees it. */
const closing = new Error('the log is being closed')

const removed = 'the buffer directory was removed'

class DiskFull extends Error {}
class DirectoryGone extends Error {}

/** Brings what is in the ring to disk, off the event loop; snapshots that come meanwhile share the next write. */
export class Writer {
  readonly #deps: Deps
  readonly #options: WriterOptions
  #segment: SegmentWriter | undefined
  #openedMs = 0
  #freeSpaceCheckedMs = Number.NEGATIVE_INFINITY
  #syncedMs = 0
  #working: Promise<void> | undefined
  /** Why the disk is not used; undefined while it is. */
  #failing: string | undefined
  readonly #stop = new AbortController()
  /** Counted losses that the log does not tell of yet. */
  #countedLosses: Loss[] = []

  constructor(options: WriterOptions, deps: Deps) {
    this.#options = options
    this.#deps = deps
  }

  get failing(): string | undefined {
    return this.#failing
  }

  /** What was lost and counted, for the log, so that nobody counts the gap again. */
  note(loss: Loss): void {
    this.#countedLosses.push(loss)
  }

  /** There is something to write. */
  wake(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
      if (this.#hasMore() && !this.#stop.signal.aborted) this.wake()
    })
  }

  /** Writes what is left, with one more try where the disk is failing. */
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
    await this.#segment?.close().catch(() => {}) // all of it is synced
  }

  /** Writes nothing more: what there is will be deleted. */
  async abandon(): Promise<void> {
    this.#stop.abort(closing)
    await this.#working
    await this.#segment?.close().catch(() => {}) // nobody will read it
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

  /** True if what was written may leave the memory. */
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

  /** The segment to write to; a new one where there is none, or it is full, or old. */
  async #currentSegment(): Promise<SegmentWriter> {
    const { files, clock, segments, tail, bootId } = this.#deps
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
      bootId,
    }
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

  /** A descriptor that failed is never trusted again: what is not safe is written anew, to a new segment. */
  async #fail(error: unknown): Promise<void> {
    const { stats, tail, segments, files } = this.#deps
    stats.diskErrors++
    const writer = this.#segment
    this.#segment = undefined
    tail.written = Math.min(tail.written, Math.max(tail.safe, tail.first - 1))
    if (writer !== undefined && !(await writer.abandon())) {
      segments.forget(writer.segment)
      await files.remove(writer.segment.path).catch(() => {}) // it holds nothing
    }
    if (!(error instanceof DirectoryGone)) return
    await segments.look().catch(() => {}) // a reader meets what is missing, too
    tail.doubt()
    await this.#deps.onMoved()
  }

  /** From here on snapshots are sent from memory. */
  async #reportFailure(error: unknown): Promise<void> {
    const { log, onProgress } = this.#deps
    const reason = messageOf(error)
    const fields = { reason, hint: diskRemedy(reason), retry_in: `${retryMs / 1000}s` }
    report(log, this.#failing === undefined ? messages.diskFailed : messages.diskStillFailing, fields)
    this.#failing = reason
    await onProgress()
  }

  #reportRecovery(): void {
    if (this.#failing !== undefined) report(this.#deps.log, messages.diskRecovered)
    this.#failing = undefined
  }
}
