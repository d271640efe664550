import type { FileSystem } from '../disk/filesystem.ts'
import type { LogPosition } from '../memory-tail.ts'
import { segmentName } from './format.ts'

/** A file of the log. */
export interface Segment {
  readonly path: string
  readonly first: number
  /** Number of samples that were appended to the log before this segment. */
  readonly samplesBefore: number
  readonly createdMs: number
  /** Readable length of the file: written, and synced if `sync` requires it. */
  bytes: number
}

/** The segments of the log, oldest first. */
export class Segments {
  readonly #files: FileSystem
  readonly directory: string
  #list: Segment[] = []

  constructor(files: FileSystem, directory: string) {
    this.#files = files
    this.directory = directory
  }

  get all(): readonly Segment[] {
    return this.#list
  }

  get bytes(): number {
    return this.#list.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  add(segment: Segment): void {
    this.#list.push(segment)
    this.#list.sort((left, right) => left.first - right.first)
  }

  forget(segment: Segment): void {
    this.#list = this.#list.filter((one) => one !== segment)
  }

  pathOf(first: number): string {
    return `${this.directory}/${segmentName(first)}`
  }

  /** The segment that contains a sequence number, or the first segment after it. */
  holding(sequence: number): Segment | undefined {
    return this.#list.findLast(({ first }) => first <= sequence) ?? this.#list[0]
  }

  after(segment: Segment): Segment | undefined {
    return this.#list.find(({ first }) => first > segment.first)
  }

  /** The end of the oldest segment; undefined if it is the only one, which retention never deletes. */
  get endOfOldest(): LogPosition | undefined {
    const second = this.#list[1]
    return second && { sequence: second.first - 1, samples: second.samplesBefore }
  }

  /** Estimated bytes after a position: later segments, and a share of its segment in proportion to the samples. */
  bytesAfter({ sequence, samples }: LogPosition, last: LogPosition): number {
    let bytes = 0
    this.#list.forEach((segment, i) => {
      const next = this.#list[i + 1]
      const end = next ? next.samplesBefore : last.samples
      if (next !== undefined && next.first <= sequence + 1) return
      const all = end - segment.samplesBefore
      const remaining = end - Math.max(samples, segment.samplesBefore)
      bytes += all <= 0 ? 0 : (segment.bytes * Math.max(0, remaining)) / all
    })
    return Math.round(bytes)
  }

  /** Deletes the oldest segment, or passes it to `keep`. */
  async removeOldest(keep?: (segment: Segment) => Promise<void>): Promise<void> {
    const [oldest] = this.#list
    if (oldest === undefined) return
    this.forget(oldest)
    if (keep === undefined) await this.#files.remove(oldest.path)
    else await keep(oldest)
  }

  /** Removes segments without a file. */
  async look(): Promise<void> {
    const names = new Set(await this.#files.list(this.directory))
    this.#list = this.#list.filter(({ first }) => names.has(segmentName(first)))
  }
}
