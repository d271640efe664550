import type { File, FileSystem } from '../disk/filesystem.ts'
import type { LogEntry } from '../memory-tail.ts'
import type { Segment } from './directory.ts'
import { headerBytes, nextRecordOffset, type Record, recordAt, recordType } from './format.ts'
import type { Intern } from './series-dictionary.ts'
import { Decoder } from './snapshot-codec.ts'

const chunkBytes = 128 * 1024

/** A range of sample numbers that are missing in the log and already counted as dropped. */
export interface Loss {
  readonly from: number
  readonly to: number
}

interface ReaderHooks {
  readonly intern: Intern
  /** Called for bytes that are not a valid record. */
  readonly corrupt: (segment: Segment, at: number, bytes: Buffer) => Promise<void>
  readonly lost: (loss: Loss) => void
  readonly note?: (note: string) => void
}

/** Reads a segment from its start, also while it grows. It resolves series by the declarations of this segment only. */
export class SegmentReader {
  readonly segment: Segment
  readonly #files: FileSystem
  readonly #hooks: ReaderHooks
  readonly #decoder: Decoder
  #file: File | undefined
  /** A window of the file that starts at offset `#from`. The next record is at offset `#at` of the file. */
  #bytes = Buffer.alloc(0)
  #from = headerBytes
  #at = headerBytes

  constructor(segment: Segment, files: FileSystem, hooks: ReaderHooks) {
    this.segment = segment
    this.#files = files
    this.#hooks = hooks
    this.#decoder = new Decoder(hooks.intern)
  }

  /** The next snapshot; undefined if there is none yet. Rejects if the file cannot be read. */
  async next(): Promise<LogEntry | undefined> {
    for (let record = await this.#record(); record !== undefined; record = await this.#record()) {
      const entry = await this.#entryOf(record)
      if (entry !== undefined) return entry
    }
    return undefined
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  async #entryOf(record: Record): Promise<LogEntry | undefined> {
    const { type, payload, length } = record
    try {
      if (type === recordType.snapshot) return this.#decoder.snapshot(payload)
      if (type === recordType.declarations) this.#decoder.declare(payload)
      if (type === recordType.note) this.#hooks.note?.(payload.toString())
      if (type === recordType.loss) this.#hooks.lost({ from: payload.readUIntLE(0, 6), to: payload.readUIntLE(6, 6) })
    } catch {
      // the checksum is valid but the content is not: treated like corrupt bytes
      await this.#hooks.corrupt(this.segment, this.#at - length, Buffer.from(payload))
    }
    return undefined
  }

  async #record(): Promise<Record | undefined> {
    for (let place = this.#at; ; ) {
      const record = recordAt(this.#bytes, place - this.#from)
      if (typeof record === 'object') {
        const { length } = record
        if (place > this.#at) await this.#skip(place)
        this.#at = place + length
        return record
      }
      if (record === 'short' && (await this.#readOn())) continue
      // Corrupt bytes, or a record with a length beyond the end of the file.
      const end = this.#from + this.#bytes.length
      if (place >= end) return undefined // a torn or incomplete record at the end: the next call reads it again
      place = Math.max(place + 1, Math.min(this.#from + nextRecordOffset(this.#bytes, place - this.#from + 1), end - 7))
    }
  }

  /** Reads the next chunk into the window and removes what was read before. False at the end of the file. */
  async #readOn(): Promise<boolean> {
    const end = this.#from + this.#bytes.length
    const length = Math.min(chunkBytes, this.segment.bytes - end)
    if (length <= 0) return false
    this.#file ??= await this.#files.open(this.segment.path, 'read')
    const more = await this.#file.read(end, length)
    if (more.length === 0) return false
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at - this.#from), more])
    this.#from = this.#at
    return true
  }

  /** Reports the bytes between the last record and this offset as corrupt. */
  async #skip(place: number): Promise<void> {
    const at = this.#at
    this.#at = place
    const bytes = Buffer.from(this.#bytes.subarray(at - this.#from, place - this.#from))
    await this.#hooks.corrupt(this.segment, at, bytes)
  }
}

/** Ranges of lost samples that are already counted, so that their gaps are not counted again. */
export class CountedLosses {
  #ranges: readonly Loss[] = []

  add({ from, to }: Loss): void {
    if (to <= from) return
    const apart = this.#ranges.filter((one) => one.to < from || one.from > to)
    const joined = this.#ranges.filter((one) => !apart.includes(one))
    const whole = {
      from: Math.min(from, ...joined.map((one) => one.from)),
      to: Math.max(to, ...joined.map((one) => one.to)),
    }
    this.#ranges = [...apart, whole]
  }

  /** How many of these samples are not counted yet. */
  notYetCounted({ from, to }: Loss): number {
    return this.#ranges.reduce(
      (left, one) => left - Math.max(0, Math.min(to, one.to) - Math.max(from, one.from)),
      Math.max(0, to - from),
    )
  }

  /** Removes ranges that every endpoint has passed. */
  forget(before: number): void {
    if (this.#ranges.some((one) => one.to <= before)) this.#ranges = this.#ranges.filter((one) => one.to > before)
  }
}
