import type { DiskBuffer } from '../buffer/disk.ts'
import type { BufferOptions } from '../buffer/index.ts'
import { type About, isLeft, openLeft, removeRun, writeAbout } from '../buffer/runs.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import type { Adopter, Dropped } from './leftovers.ts'

/** The log of a run that is over, opened as its owner. */
export interface Left {
  readonly buffer: DiskBuffer
  readonly about: About
}

interface Opened {
  readonly left: Promise<Left | undefined>
  users: number
}

interface Needs {
  readonly adopter: Adopter
  readonly options: BufferOptions
  /** The names in the log of the outputs that there are: of a log whose cursors are lost each gets all. */
  readonly outputs: readonly string[]
}

/** Logs that commands have left. One is open as long as somebody uses it, and deleted when nothing waits in it. */
export class LeftLogs {
  /** Those that are gone. */
  readonly removed = new Set<string>()
  readonly dropped: Dropped[] = []
  readonly #needs: Needs
  readonly #open = new Map<string, Opened>()
  readonly #closing = new Map<string, Promise<void>>()

  constructor(needs: Needs) {
    this.#needs = needs
  }

  /** Undefined where somebody else has it, or it is gone. */
  async use<T>(path: string, work: (left: Left) => Promise<T>): Promise<T | undefined> {
    for (let closing = this.#closing.get(path); closing !== undefined; closing = this.#closing.get(path)) await closing
    const opened = this.#open.get(path) ?? { left: this.#opened(path), users: 0 }
    this.#open.set(path, opened)
    opened.users++
    try {
      const left = await opened.left
      return left && (await work(left))
    } finally {
      opened.users--
      if (opened.users === 0) await this.#close(path, opened)
    }
  }

  async #opened(path: string): Promise<Left | undefined> {
    const { adopter, options, outputs } = this.#needs
    if (!(await isLeft(path, adopter.clock))) return undefined
    const left = await openLeft(path, options, adopter)
    if (left === undefined) return undefined
    if (left.buffer.cursors.length === 0) for (const name of outputs) left.buffer.cursor(name)
    return ended(left)
  }

  async #close(path: string, { left }: Opened): Promise<void> {
    this.#open.delete(path)
    const closing = left.then((one) => one && this.#part(one))
    this.#closing.set(path, closing)
    await closing.finally(() => this.#closing.delete(path))
  }

  async #part({ buffer, about }: Left): Promise<void> {
    for (const [name, reasons] of buffer.stats.dropped)
      for (const [reason, samples] of reasons) this.dropped.push({ name, reason, samples })
    const outputs = waitingFor(buffer)
    if (outputs.length === 0) {
      this.removed.add(buffer.directory)
      return await removeRun(buffer)
    }
    if (outputs.length !== about.outputs?.length || about.bytes === undefined)
      await writeAbout(buffer.directory, { ...about, outputs, bytes: buffer.stats.bytes })
    await buffer.close()
  }
}

/** The outputs that have not got all of a log. */
export const waitingFor = ({ cursors }: Pick<DiskBuffer, 'cursors'>): readonly string[] =>
  cursors.filter((one) => one.backlog().snapshots > 0).map(({ name }) => name)

/** A command that was killed has not ended its host's series. */
async function ended({ buffer, about }: Left): Promise<Left> {
  const { newestMs, directory } = buffer
  if (about.isEnded || newestMs === undefined) return { buffer, about }
  for (const { name } of buffer.cursors) buffer.cursor(name) // all of them are to get it
  buffer.append(ending(newestMs))
  const now = { ...about, isEnded: true }
  await writeAbout(directory, now)
  return { buffer, about: now }
}

/** The snapshot that ends every series of the one before it: 1 ms after it, with none. */
export const ending = (lastMs: number): Snapshot => ({
  timestampMs: lastMs + 1,
  isLast: true,
  series: [],
  values: new Float64Array(),
})
