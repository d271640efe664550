import type { Clock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import type { File, FileSystem } from '../disk/filesystem.ts'
import { cursorMessages as messages } from '../messages.ts'
import type { BufferStats } from '../types.ts'
import { type CursorState, readRecord, recordBytes, recordOf } from './record.ts'

/** The file grows by this number of pairs. */
const pairsAtOnce = 4
const pairBytes = 2 * recordBytes
/** Interval of checks that the file was not deleted. */
const checkMs = 60_000

interface Pair {
  state: CursorState | undefined
  generation: number
  /** Index of the slot with the last durable state. The next write goes to the other slot. */
  isKept: 0 | 1
  /** Sequence number of the last durable state. Retention may delete everything up to it. */
  safe: number
  isDirty: boolean
}

interface Deps {
  readonly files: FileSystem
  readonly clock: Clock
  readonly log: Log
  readonly stats: BufferStats
  /** True for `sync: always`. If false, written data counts as durable. */
  readonly syncs: boolean
  /** Sync when the file is closed. */
  readonly syncsAtEnd?: boolean
}

/** The file with the state of every endpoint. Concurrent changes share one sync. */
export class CursorFile {
  readonly #path: string
  readonly #deps: Deps
  #file: File | undefined
  readonly #pairs: Pair[] = []
  /** Number of pairs on disk with two unreadable slots: their endpoint is unknown. */
  orphans = 0
  /** Endpoints with one corrupt slot: the other slot may be older by one change. */
  readonly uncertain = new Set<string>()
  #length = 0
  #checkedMs = Number.NEGATIVE_INFINITY
  #working: Promise<void> | undefined
  #failing = false
  #wantsSync = false

  constructor(path: string, deps: Deps) {
    this.#path = path
    this.#deps = deps
  }

  /** Reads the file, if it exists. Rejects if it cannot be read. */
  async load(): Promise<void> {
    const { files } = this.#deps
    const file = await files.open(this.#path, 'read').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (file === undefined) return
    try {
      const { size } = await file.status()
      const bytes = await file.read(0, Math.min(size, 1 << 24))
      for (let at = 0; at + pairBytes <= bytes.length; at += pairBytes) this.#load(bytes.subarray(at, at + pairBytes))
      this.#length = this.#pairs.length * pairBytes
    } finally {
      await file.close()
    }
  }

  get states(): readonly CursorState[] {
    return this.#pairs.flatMap(({ state }) => (state === undefined || state.name === '' ? [] : [state]))
  }

  /** The sequence number up to which no endpoint needs the log, by the durable states. */
  get safe(): number {
    return Math.min(...this.#pairs.filter(isUsed).map(({ safe }) => safe))
  }

  /** Saves a state. Resolves when it is written (with `sync`: durable), or when the disk has failed. */
  async save(state: CursorState, sync: boolean): Promise<void> {
    await this.#keep(this.#pairOf(state.name), state, sync)
  }

  async #keep(pair: Pair, state: CursorState, sync: boolean): Promise<void> {
    pair.state = state
    pair.isDirty = true
    if (sync && this.#deps.syncs) this.#wantsSync = true
    await this.#working // a write that started before this change does not include it
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
    await this.#working
  }

  /** Frees the slots of a removed endpoint. */
  async forget(name: string): Promise<void> {
    const pair = this.#pairs.find(({ state }) => state?.name === name)
    if (pair?.state === undefined) return
    await this.#keep(pair, { ...pair.state, name: '', inFlight: undefined }, true)
  }

  /** Called when the directory was removed. The next write checks that the file still exists. */
  markUncertain(): void {
    this.#checkedMs = Number.NEGATIVE_INFINITY
  }

  async close(): Promise<void> {
    this.#wantsSync = this.#deps.syncs || this.#deps.syncsAtEnd === true
    await this.#working
    if (this.#pairs.some(({ isDirty }) => isDirty) || this.#file !== undefined) await this.#work()
    await this.#file?.close().catch(() => {}) // all changes are synced
    this.#file = undefined
  }

  /** Deletes the file without writing. */
  async abandon(): Promise<void> {
    await this.#working
    await this.#remove()
    await this.#deps.files.remove(this.#path).catch(() => {}) // the caller deletes the directory
  }

  #load(bytes: Buffer): void {
    const slots = [readRecord(bytes.subarray(0, recordBytes)), readRecord(bytes.subarray(recordBytes))]
    const good = slots.map((slot) => (typeof slot === 'string' ? undefined : slot))
    const isKept = (good[1]?.generation ?? -1) > (good[0]?.generation ?? -1) ? 1 : 0
    const slot = good[isKept]
    const isDamaged = slots.includes('corrupt')
    if (slot === undefined && isDamaged) this.orphans++
    const state = slot?.state.name === '' ? undefined : slot?.state
    if (state !== undefined && isDamaged) this.uncertain.add(state.name)
    this.#pairs.push({
      state,
      generation: slot?.generation ?? 0,
      isKept,
      safe: state?.settled ?? 0,
      isDirty: false,
    })
  }

  #pairOf(name: string): Pair {
    const known = this.#pairs.find((pair) => pair.state?.name === name)
    if (known !== undefined) return known
    const free = this.#pairs.find((pair) => !isUsed(pair))
    if (free !== undefined) return free
    const pair: Pair = { state: undefined, generation: 0, isKept: 1, safe: 0, isDirty: false }
    this.#pairs.push(pair)
    return pair
  }

  async #work(): Promise<void> {
    try {
      const file = await this.#open()
      const dirty = this.#pairs.filter((pair) => pair.isDirty)
      const syncs = this.#wantsSync
      this.#wantsSync = false
      const written = dirty.map((pair) => ({ pair, settled: pair.state?.settled ?? 0 }))
      for (const pair of dirty) await this.#write(file, pair)
      if (syncs) await file.datasync()
      for (const { pair, settled } of written) {
        if (!syncs && this.#deps.syncs) continue
        pair.isKept = pair.isKept === 0 ? 1 : 0
        pair.safe = settled
      }
      if (this.#failing) report(this.#deps.log, messages.recovered)
      this.#failing = false
    } catch (error) {
      await this.#fail(error)
    }
  }

  async #write(file: File, pair: Pair): Promise<void> {
    if (pair.state === undefined) return
    pair.isDirty = false
    const at = this.#pairs.indexOf(pair) * pairBytes + (pair.isKept === 0 ? recordBytes : 0)
    await file.write(recordOf(++pair.generation, pair.state), at)
  }

  /** Opens the file with its full length. Creates it again if it was deleted. */
  async #open(): Promise<File> {
    const { files } = this.#deps
    if (this.#file !== undefined && (await this.#isGone(this.#file))) await this.#remove()
    if (this.#file === undefined) {
      this.#file = await files.open(this.#path, 'update')
      const { size } = await this.#file.status()
      if (size < this.#length) for (const pair of this.#pairs) pair.isDirty = true
      this.#length = Math.min(this.#length, size)
      this.#wantsSync ||= this.#deps.syncs
    }
    const fullLength = Math.ceil(this.#pairs.length / pairsAtOnce) * pairsAtOnce * pairBytes
    if (this.#length < fullLength) {
      await this.#file.write(Buffer.alloc(fullLength - this.#length), this.#length)
      this.#length = fullLength
      if (this.#deps.syncs) {
        await this.#file.datasync()
        await files.syncDirectory(this.#path.slice(0, this.#path.lastIndexOf('/')))
      }
    }
    return this.#file
  }

  /** Checks at `checkMs` if the file was deleted: writes to a deleted file succeed and are lost. */
  async #isGone(file: File): Promise<boolean> {
    const nowMs = this.#deps.clock.monotonicMs()
    if (nowMs - this.#checkedMs < checkMs) return false
    this.#checkedMs = nowMs
    return !(await file.status()).isLinked
  }

  /** Handles a failure: reopens the file and writes all states again, to the same slots. */
  async #fail(error: unknown): Promise<void> {
    this.#deps.stats.diskErrors++
    for (const pair of this.#pairs) pair.isDirty ||= pair.state !== undefined
    if (!this.#failing) report(this.#deps.log, messages.writeFailed, { err: messageOf(error) })
    this.#failing = true
    await this.#remove()
  }

  async #remove(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(() => {}) // the disk has failed already
  }
}

const isUsed = ({ state }: Pair) => state !== undefined && state.name !== ''
