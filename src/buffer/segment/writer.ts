import type { File, FileSystem } from '../disk/filesystem.ts'
import type { LogEntry } from '../memory-tail.ts'
import type { Segment } from './directory.ts'
import { type Header, headerBytes, headerOf, recordOf, recordType } from './format.ts'
import type { Loss } from './reader.ts'
import { Encoder } from './snapshot-codec.ts'

/** Writes one segment, which this process creates. */
export class SegmentWriter {
  readonly segment: Segment
  readonly #file: File
  readonly #encoder = new Encoder()
  #written: number
  #safe = 0

  private constructor(segment: Segment, file: File) {
    this.segment = segment
    this.#file = file
    this.#written = headerBytes
  }

  /** Creates the file with its header. */
  static async create(files: FileSystem, path: string, header: Header): Promise<SegmentWriter> {
    const { first, samplesBefore, createdMs } = header
    const file = await files.open(path, 'create')
    try {
      await file.write(headerOf(header), 0)
    } catch (error) {
      await file.close().catch(() => {}) // the write has failed already
      await files.remove(path).catch(() => {})
      throw error
    }
    return new SegmentWriter({ path, first, samplesBefore, createdMs, bytes: 0 }, file)
  }

  /** Writes snapshots, in order. After a failure the segment must be abandoned. */
  async write(entries: readonly LogEntry[], countedLosses: readonly Loss[]): Promise<void> {
    const records = [...countedLosses.map(lossRecord), ...entries.flatMap((entry) => this.#encoder.encode(entry))]
    const bytes = Buffer.concat(records)
    await this.#file.write(bytes, this.#written)
    this.#written += bytes.length
  }

  /** Writes a note of the caller. */
  async note(text: string): Promise<void> {
    const bytes = recordOf(recordType.note, Buffer.from(text))
    await this.#file.write(bytes, this.#written)
    this.#written += bytes.length
  }

  /** Makes the written bytes visible to readers. */
  show(): void {
    this.segment.bytes = this.#written
  }

  async sync(): Promise<void> {
    const written = this.#written
    await this.#file.datasync()
    this.#safe = written
  }

  /** Marks the written bytes as durable without a sync. */
  trust(): void {
    this.#safe = this.#written
  }

  /** False after the file was deleted. */
  async isLinked(): Promise<boolean> {
    return (await this.#file.status()).isLinked
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  /** Closes the file after a failure and hides bytes that were not synced. False if no byte is durable. */
  async abandon(): Promise<boolean> {
    this.segment.bytes = this.#safe
    await this.#file.close().catch(() => {}) // it has failed already
    return this.#safe > 0
  }
}

function lossRecord({ from, to }: Loss): Buffer {
  const payload = Buffer.alloc(12)
  payload.writeUIntLE(from, 0, 6)
  payload.writeUIntLE(to, 6, 6)
  return recordOf(recordType.loss, payload)
}
