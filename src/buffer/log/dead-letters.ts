import type { Snapshot } from '../../metrics/index.ts'
import type { Clock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import { type FileSystem, opened, sizeOf } from '../disk/filesystem.ts'
import type { LogEntry } from '../memory-tail.ts'
import { deadLetterMessages as messages } from '../messages.ts'
import { firstOf, headerBytes, isUnsupported, readHeader, segmentName } from '../segment/format.ts'
import { SegmentReader } from '../segment/reader.ts'
import { SegmentWriter } from '../segment/writer.ts'
import type { BufferStats, DeadLetter } from '../types.ts'

/** The dead letters of a buffer, shared by its agent and the batch commands. */
export const deadLetterDirectory = (directory: string): string => `${directory}/dead-letters`

const maxFiles = 256
const maxBytes = 16 * 1024 * 1024

/** Which endpoint rejected samples, when, and its message. */
export interface DeadLetterInfo {
  readonly endpoint: string
  readonly reason: string
  readonly atMs: number
  readonly snapshots: number
  readonly samples: number
}

interface Deps {
  readonly files: FileSystem
  readonly clock: Clock
  readonly log: Log
  readonly stats: BufferStats
}

/**
 * Rejected samples: one file in the format of the log for each rejection. The oldest files are deleted at 256 files or
 * 16 MiB. Several processes may write to the directory at the same time.
 */
export class DeadLetters {
  /** Number of samples that this process has saved, by endpoint. */
  readonly kept = new Map<string, number>()
  readonly #directory: string
  readonly #deps: Deps
  #working: Promise<void> = Promise.resolve()

  constructor(directory: string, deps: Deps) {
    this.#directory = directory
    this.#deps = deps
  }

  async keep(endpoint: string, deadLetter: DeadLetter): Promise<void> {
    const work = this.#working.then(() => this.#write(endpoint, deadLetter))
    this.#working = work.catch((error) => {
      this.#deps.stats.diskErrors++
      report(this.#deps.log, messages.saveFailed, { endpoint, err: messageOf(error) })
    })
    await this.#working
  }

  /** All dead letters, oldest first. */
  async *read(): AsyncGenerator<{ readonly refusal: DeadLetterInfo; readonly entries: readonly LogEntry[] }> {
    for (const first of await this.#numbers()) {
      const path = `${this.#directory}/${segmentName(first)}`
      try {
        yield await this.#open(path, first)
      } catch (error) {
        report(this.#deps.log, messages.readFailed, { path, err: messageOf(error) })
      }
    }
  }

  async clear(endpoint: string | undefined, beforeMs: number): Promise<void> {
    for (const first of await this.#numbers()) {
      const path = `${this.#directory}/${segmentName(first)}`
      const found = await this.#open(path, first).catch(() => undefined) // unreadable files are deleted too
      const isOther = endpoint !== undefined && found?.refusal.endpoint !== endpoint
      if (isOther || (found !== undefined && found.refusal.atMs >= beforeMs)) continue
      await this.#deps.files.remove(path)
    }
  }

  async #open(path: string, first: number) {
    const size = await sizeOf(this.#deps.files, path)
    const header = await opened(this.#deps.files, path, 'read', async (file) =>
      readHeader(await file.read(0, headerBytes)),
    )
    if (isUnsupported(header)) throw new Error(`format version ${header.version} is not supported`)
    let text = '{}'
    const segment = { path, first, samplesBefore: 0, createdMs: 0, bytes: size }
    const reader = new SegmentReader(segment, this.#deps.files, {
      intern: (series) => ({ ref: 0, ...series }),
      corrupt: async () => {},
      lost: () => {},
      note: (note) => {
        text = note
      },
    })
    const entries: LogEntry[] = []
    try {
      for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) entries.push(entry)
    } finally {
      await reader.close()
    }
    const samples = entries.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
    const { endpoint = '', reason = '', atMs = 0 } = JSON.parse(text) as Partial<DeadLetterInfo>
    return { refusal: { endpoint, reason, atMs, snapshots: entries.length, samples }, entries }
  }

  async #write(endpoint: string, { reason, entries, series }: DeadLetter): Promise<void> {
    const { files, clock } = this.#deps
    const atMs = clock.now()
    let samples = 0
    const logEntries = entries.map(({ sequence, snapshot }) => {
      const part = partOf(snapshot, series)
      const samplesBefore = samples
      samples += part.values.length
      return { sequence, snapshot: part, samplesBefore, samplesAfter: samples, bootMs: 0, marks: [] }
    })
    await files.makeDirectory(this.#directory)
    const first = await this.#claim()
    const path = `${this.#directory}/${segmentName(first)}`
    const header = { first, samplesBefore: 0, createdMs: atMs, bootId: '', offset: 0 }
    const writer = await SegmentWriter.create(files, path, header)
    try {
      await writer.note(JSON.stringify({ endpoint, reason: reason.slice(0, 2000), atMs }))
      await writer.write(logEntries, [])
      await writer.sync()
      await writer.close()
    } catch (error) {
      await writer.abandon()
      await files.remove(path).catch(() => {}) // the caller logs the error
      throw error
    }
    this.kept.set(endpoint, (this.kept.get(endpoint) ?? 0) + samples)
    await this.#bound()
  }

  /** The next number that no other process has claimed. */
  async #claim(): Promise<number> {
    const { files } = this.#deps
    for (let first = ((await this.#numbers()).at(-1) ?? 0) + 1; ; first++) {
      try {
        await opened(files, `${this.#directory}/${segmentName(first)}`, 'claim', async () => {})
        return first
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
    }
  }

  async #bound(): Promise<void> {
    const { files } = this.#deps
    let bytes = 0
    for (const [i, first] of (await this.#numbers()).toReversed().entries()) {
      const path = `${this.#directory}/${segmentName(first)}`
      bytes += await sizeOf(files, path).catch(() => 0) // another process has removed it
      if (i > 0 && (i >= maxFiles || bytes > maxBytes)) await files.remove(path)
    }
  }

  async #numbers(): Promise<readonly number[]> {
    const names = await this.#deps.files.list(this.#directory)
    return names.flatMap((name) => firstOf(name) ?? []).sort((left, right) => left - right)
  }
}

function partOf(snapshot: Snapshot, rejected: DeadLetter['series']): Snapshot {
  if (rejected === undefined) return snapshot
  const isRejected = (_: number, i: number) => rejected.has(snapshot.series[i] as Snapshot['series'][number])
  const { ownTimestampsMs } = snapshot
  return {
    timestampMs: snapshot.timestampMs,
    series: snapshot.series.filter((series) => rejected.has(series)),
    values: snapshot.values.filter(isRejected),
    ...(ownTimestampsMs && { ownTimestampsMs: ownTimestampsMs.filter(isRejected) }),
  }
}
