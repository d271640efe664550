import type { BufferOptions, DiskBuffer, Ownership } from '../buffer/index.ts'

import type { Snapshot } from '../metrics/index.ts'
import { isAdopted, isSpooled, openSpooled, type RunManifest, removeRun, writeManifest } from './run-log.ts'
import type { Dropped, SpoolDeps } from './types.ts'

/** The log of a run that is over, opened as its owner. */
export interface SpooledLog {
  readonly buffer: DiskBuffer
  readonly manifest: RunManifest
}

interface OpenLog {
  readonly log: Promise<SpooledLog | 'busy' | undefined>
  users: number
  /** What is written beside the log. */
  writing: Promise<void>
}

interface Deps {
  readonly deps: SpoolDeps
  readonly options: BufferOptions
  /** The names in the log of the outputs that there are: of a log whose cursors are lost each gets all. */
  readonly outputs: readonly string[]
  readonly onDrop: (dropped: Dropped) => void
}

/** How often somebody is asked for a log that he has. */
const pollMs = 20

/** Logs that commands have left. One is open as long as somebody uses it, and deleted when nothing waits in it. */
export class SpoolLogs {
  /** Those that are gone. */
  readonly removed = new Set<string>()
  readonly #deps: Deps
  readonly #open = new Map<string, OpenLog>()
  readonly #closing = new Map<string, Promise<void>>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /**
   * Undefined where it is gone, or its command lives. Where another process delivers from it, that is waited for until
   * the deadline, if there is one, as there may be an output in it that is none of that process's; then it is busy.
   */
  async use(
    path: string,
    work: (left: SpooledLog) => Promise<void>,
    deadline?: AbortSignal,
  ): Promise<'busy' | undefined> {
    for (let closing = this.#closing.get(path); closing !== undefined; closing = this.#closing.get(path)) await closing
    const opened = this.#open.get(path) ?? { log: this.#opened(path, deadline), users: 0, writing: Promise.resolve() }
    this.#open.set(path, opened)
    opened.users++
    try {
      const left = await opened.log
      if (left === 'busy') return left
      if (left !== undefined) await work(left)
      return undefined
    } finally {
      opened.users--
      if (opened.users === 0) await this.#close(path, opened)
      else await this.#writeManifest(opened)
    }
  }

  async #opened(path: string, deadline: AbortSignal | undefined): Promise<SpooledLog | 'busy' | undefined> {
    const { deps, options, outputs } = this.#deps
    const { clock } = deps
    for (;;) {
      const left = (await isSpooled(path, clock)) ? await openSpooled(path, options, deps) : undefined
      if (left !== undefined) {
        if (left.buffer.cursors.length === 0) for (const name of outputs) left.buffer.cursor(name)
        return ended(left, deps.ownership)
      }
      if (deadline === undefined || !(await isAdopted(path))) return undefined
      if (deadline.aborted) return 'busy'
      await clock.sleep(pollMs, deadline).catch(() => {}) // asked once more
    }
  }

  async #close(path: string, opened: OpenLog): Promise<void> {
    this.#open.delete(path)
    const closing = opened.writing.then(async () => {
      const left = await opened.log
      if (left !== undefined && left !== 'busy') await this.#detach(left)
    })
    this.#closing.set(path, closing)
    await closing.finally(() => this.#closing.delete(path))
  }

  /** Another process whose turn comes at an output that is through with a log need not wait for the log. */
  async #writeManifest(opened: OpenLog): Promise<void> {
    const { ownership } = this.#deps.deps
    opened.writing = opened.writing.then(async () => {
      const left = await opened.log
      if (left !== undefined && left !== 'busy')
        await writeManifest(left.buffer.directory, { ...left.manifest, ...remainderOf(left.buffer) }, ownership)
    })
    await opened.writing
  }

  async #detach({ buffer, manifest }: SpooledLog): Promise<void> {
    for (const [name, reasons] of buffer.stats.dropped)
      for (const [reason, samples] of reasons) this.#deps.onDrop({ name, reason, samples })
    const rest = remainderOf(buffer)
    if (rest.outputs.length === 0) {
      this.removed.add(buffer.directory)
      return await removeRun(buffer)
    }
    if (rest.outputs.length !== manifest.outputs?.length || manifest.bytes === undefined)
      await writeManifest(buffer.directory, { ...manifest, ...rest }, this.#deps.deps.ownership)
    await buffer.close()
  }
}

/** Who has not got all of a log, and how much it is. */
export const remainderOf = ({ cursors, stats }: Pick<DiskBuffer, 'cursors' | 'stats'>) => ({
  outputs: cursors.filter((one) => one.backlog().snapshots > 0).map(({ name }) => name),
  bytes: stats.bytes,
})

/** A command that was killed has not ended its host's series. */
async function ended({ buffer, manifest }: SpooledLog, ownership: Ownership | undefined): Promise<SpooledLog> {
  const { newestMs, directory } = buffer
  if (manifest.isEnded || newestMs === undefined) return { buffer, manifest }
  for (const { name } of buffer.cursors) buffer.cursor(name) // all of them are to get it
  buffer.append(staleEnd(newestMs))
  const now = { ...manifest, isEnded: true }
  await writeManifest(directory, now, ownership)
  return { buffer, manifest: now }
}

/** The snapshot that ends every series of the one before it: 1 ms after it, with none. */
export const staleEnd = (lastMs: number): Snapshot => ({
  timestampMs: lastMs + 1,
  isLast: true,
  series: [],
  values: new Float64Array(),
})
