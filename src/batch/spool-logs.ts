import type { BufferOptions, DiskBuffer } from '../buffer/index.ts'

import type { Snapshot } from '../metrics/index.ts'
import { isAdopted, isSpooled, openSpooled, type RunManifest, removeRun, writeManifest } from './run-log.ts'
import type { Dropped, SpoolDeps } from './types.ts'

/** The log of a run that has ended. This process owns it. */
export interface SpooledLog {
  readonly buffer: DiskBuffer
  readonly manifest: RunManifest
}

interface OpenLog {
  readonly log: Promise<SpooledLog | 'busy' | undefined>
  users: number
  /** Writes of the manifest, one after another. */
  writing: Promise<void>
}

interface Deps {
  readonly deps: SpoolDeps
  readonly options: BufferOptions
  /** Names of all configured outputs. If the cursors of a log are lost, each of them gets the whole log. */
  readonly outputs: readonly string[]
  readonly onDrop: (dropped: Dropped) => void
}

/** How often to check whether another process has released a log. */
const pollMs = 20

/** Spooled logs. A log is open while an output uses it, and deleted when no output has a backlog in it. */
export class SpoolLogs {
  /** Directories of deleted logs. */
  readonly removed = new Set<string>()
  readonly #deps: Deps
  readonly #open = new Map<string, OpenLog>()
  readonly #closing = new Map<string, Promise<void>>()

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /**
   * Runs `work` on a log; does nothing if the log is deleted or its command is still running. If another process owns
   * the log, waits for it until the deadline: it may leave a backlog for an output that only this process has. `busy` if
   * the log is still owned at the deadline. Without a deadline it does not wait.
   */
  async use(
    path: string,
    work: (log: SpooledLog) => Promise<void>,
    deadline?: AbortSignal,
  ): Promise<'busy' | undefined> {
    for (let closing = this.#closing.get(path); closing !== undefined; closing = this.#closing.get(path)) await closing
    const opened = this.#open.get(path) ?? { log: this.#opened(path, deadline), users: 0, writing: Promise.resolve() }
    this.#open.set(path, opened)
    opened.users++
    try {
      const log = await opened.log
      if (log === 'busy') return log
      if (log !== undefined) await work(log)
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
      const log = (await isSpooled(path, clock)) ? await openSpooled(path, options, deps) : undefined
      if (log !== undefined) {
        if (log.buffer.cursors.length === 0) for (const name of outputs) log.buffer.cursor(name)
        return withEnd(log)
      }
      if (deadline === undefined || !(await isAdopted(path))) return undefined
      if (deadline.aborted) return 'busy'
      await clock.sleep(pollMs, deadline).catch(() => {}) // aborted: the next pass returns 'busy'
    }
  }

  async #close(path: string, opened: OpenLog): Promise<void> {
    this.#open.delete(path)
    const closing = opened.writing.then(async () => {
      const log = await opened.log
      if (log !== undefined && log !== 'busy') await this.#detach(log)
    })
    this.#closing.set(path, closing)
    await closing.finally(() => this.#closing.delete(path))
  }

  /** Lets other processes know which outputs still have a backlog in an open log: for the others they need not wait for it. */
  async #writeManifest(opened: OpenLog): Promise<void> {
    opened.writing = opened.writing.then(async () => {
      const log = await opened.log
      if (log !== undefined && log !== 'busy')
        await writeManifest(log.buffer.directory, { ...log.manifest, ...remainderOf(log.buffer) })
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
      await writeManifest(buffer.directory, { ...manifest, ...rest })
    await buffer.close()
  }
}

/** The outputs with a backlog in a log, and the size of the log, for the manifest. */
export const remainderOf = ({ cursors, stats }: Pick<DiskBuffer, 'cursors' | 'stats'>) => ({
  outputs: cursors.filter((one) => one.backlog().snapshots > 0).map(({ name }) => name),
  bytes: stats.bytes,
})

/** Appends the stale markers that a killed command has not written. */
async function withEnd({ buffer, manifest }: SpooledLog): Promise<SpooledLog> {
  const { newestMs, directory } = buffer
  if (manifest.isEnded || newestMs === undefined) return { buffer, manifest }
  for (const { name } of buffer.cursors) buffer.cursor(name) // each cursor must read them
  buffer.append(staleEnd(newestMs))
  const now = { ...manifest, isEnded: true }
  await writeManifest(directory, now)
  return { buffer, manifest: now }
}

/** A snapshot without series, 1 ms after the previous one: it ends every series with a stale marker. */
export const staleEnd = (lastMs: number): Snapshot => ({
  timestampMs: lastMs + 1,
  isLast: true,
  series: [],
  values: new Float64Array(),
})
