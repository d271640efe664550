import type { Ownership } from '../buffer/disk/chown.ts'
import type { DiskBuffer } from '../buffer/disk-buffer.ts'
import type { BufferOptions } from '../buffer/index.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { type RunManifest, isAdopted, isSpooled, openSpooled, removeRun, writeManifest } from './run-log.ts'
import type { SpoolDeps, Dropped } from './spool.ts'

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

interface Needs {
  readonly adopter: SpoolDeps
  readonly options: BufferOptions
  /** The names in the log of the outputs that there are: of a log whose cursors are lost each gets all. */
  readonly outputs: readonly string[]
  readonly onDrop: (dropped: Dropped) => void
}

/** How often somebody is asked for a log that he has. */
const askMs = 20

/** Logs that commands have left. One is open as long as somebody uses it, and deleted when nothing waits in it. */
export class SpoolLogs {
  /** Those that are gone. */
  readonly removed = new Set<string>()
  readonly #needs: Needs
  readonly #open = new Map<string, OpenLog>()
  readonly #closing = new Map<string, Promise<void>>()

  constructor(needs: Needs) {
    this.#needs = needs
  }

  /**
   * Undefined where it is gone, or its command lives. Where another process delivers from it, that is waited for until
   * the deadline, if there is one, as there may be an output in it that is none of that process's; then it is busy.
   */
  async use(path: string, work: (left: SpooledLog) => Promise<void>, deadline?: AbortSignal): Promise<'busy' | undefined> {
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
    const { adopter, options, outputs } = this.#needs
    const { clock } = adopter
    for (;;) {
      const left = (await isSpooled(path, clock)) ? await openSpooled(path, options, adopter) : undefined
      if (left !== undefined) {
        if (left.buffer.cursors.length === 0) for (const name of outputs) left.buffer.cursor(name)
        return isEnded(left, adopter.heir)
      }
      if (deadline === undefined || !(await isAdopted(path))) return undefined
      if (deadline.aborted) return 'busy'
      await clock.sleep(askMs, deadline).catch(() => {}) // asked once more
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
    const { heir } = this.#needs.adopter
    opened.writing = opened.writing.then(async () => {
      const left = await opened.log
      if (left !== undefined && left !== 'busy')
        await writeManifest(left.buffer.directory, { ...left.manifest, ...remainderOf(left.buffer) }, heir)
    })
    await opened.writing
  }

  async #detach({ buffer, manifest: about }: SpooledLog): Promise<void> {
    for (const [name, reasons] of buffer.stats.dropped)
      for (const [reason, samples] of reasons) this.#needs.onDrop({ name, reason, samples })
    const rest = remainderOf(buffer)
    if (rest.outputs.length === 0) {
      this.removed.add(buffer.directory)
      return await removeRun(buffer)
    }
    if (rest.outputs.length !== about.outputs?.length || about.bytes === undefined)
      await writeManifest(buffer.directory, { ...about, ...rest }, this.#needs.adopter.heir)
    await buffer.close()
  }
}

/** Who has not got all of a log, and how much it is. */
export const remainderOf = ({ cursors, stats }: Pick<DiskBuffer, 'cursors' | 'stats'>) => ({
  outputs: cursors.filter((one) => one.backlog().snapshots > 0).map(({ name }) => name),
  bytes: stats.bytes,
})

/** A command that was killed has not ended its host's series. */
async function isEnded({ buffer, manifest: about }: SpooledLog, heir: Ownership | undefined): Promise<SpooledLog> {
  const { newestMs, directory } = buffer
  if (about.isEnded || newestMs === undefined) return { buffer, manifest: about }
  for (const { name } of buffer.cursors) buffer.cursor(name) // all of them are to get it
  buffer.append(staleEnd(newestMs))
  const now = { ...about, isEnded: true }
  await writeManifest(directory, now, heir)
  return { buffer, manifest: now }
}

/** The snapshot that ends every series of the one before it: 1 ms after it, with none. */
export const staleEnd = (lastMs: number): Snapshot => ({
  timestampMs: lastMs + 1,
  isLast: true,
  series: [],
  values: new Float64Array(),
})
