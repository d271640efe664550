import { link as linkName, lstat, readdir, unlink } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import type { Clock } from '../../util/clock.ts'
import { isForbidden } from '../disk/filesystem.ts'
import { type HeldDirectory, hold, makeDirectory } from '../disk/safe-path.ts'
import { connectIn, listenIn } from './socket.ts'

/**
 * A FIFO lock between processes for several resources. Each has one holder at a time. All resources are acquired
 * in the order of the ticket numbers. The end of a process releases its ticket.
 *
 * A queue is a directory. A ticket is a Unix socket in it; the file name is the ticket number. A process listens on its
 * socket while it is in the queue. To acquire a resource, a process connects to every lower ticket and sends the name of
 * the resource as a line. A process that does not need the resource, or has released it, answers at once with an empty
 * line. A process that owns the resource or waits for it answers when it releases it.
 *
 * Numbers are never used twice. The next number is the highest plus one, claimed with link(2), which fails if the name
 * exists. The name of a dead process may be removed only while a higher number exists, so the highest always stays. A
 * process that claims a lower number late, after that name was removed, sees the higher number and joins again.
 */
export class QueueTicket {
  readonly #directory: HeldDirectory
  /** The resources that it has not released, as request lines. */
  readonly #unreleased: Set<string>
  /** The connected processes, and the request line for which each waits, once received. */
  readonly #askers = new Map<Socket, string | undefined>()
  #server: Server | undefined
  #hasLeft = false
  /** The lower ticket numbers at the time of joining. */
  #before: readonly number[] = []

  /** Releases `directory` when it leaves the queue. */
  constructor(directory: HeldDirectory, resources: readonly string[]) {
    this.#directory = directory
    this.#unreleased = new Set(resources.map(lineOf))
  }

  /**
   * Claims the next number. False if another process was faster: the caller creates a new ticket, because other
   * processes may wait for this one. If it is not true, the ticket has left.
   */
  async join(): Promise<boolean> {
    const temporaryName = `new-${process.pid}-${Math.random().toString(36).slice(2, 10)}`
    try {
      this.#server = await listenIn(this.#directory, temporaryName, (socket) => this.#answer(socket))
      const before = await claimNumber(this.#directory, temporaryName)
      if (before === undefined) await this.leave()
      this.#before = before ?? []
      return before !== undefined
    } catch (error) {
      await this.leave()
      throw error
    }
  }

  /** Waits until it holds a resource; false if the signal aborts first. */
  async waitFor(resource: string, signal: AbortSignal): Promise<boolean> {
    for (const number of this.#before.toReversed())
      while (!signal.aborted && !(await isReleased(this.#directory, String(number), { resource, signal })));
    return !signal.aborted
  }

  /** Releases a resource, held or not. */
  release(resource: string): void {
    const line = lineOf(resource)
    this.#unreleased.delete(line)
    for (const [socket, awaited] of this.#askers) if (awaited === line) socket.end('\n')
  }

  /** Releases all resources and leaves the queue. */
  async leave(): Promise<void> {
    for (const socket of this.#askers.keys()) socket.destroy()
    await new Promise<void>((resolve) => {
      if (this.#server === undefined) resolve()
      else this.#server.close(() => resolve())
    })
    if (!this.#hasLeft) this.#directory.release()
    this.#hasLeft = true
  }

  #answer(socket: Socket): void {
    this.#askers.set(socket, undefined)
    socket.on('error', () => {}) // the waiting process has ended
    socket.once('close', () => this.#askers.delete(socket))
    socket.unref()
    let text = ''
    socket.setEncoding('utf8').on('data', (more) => {
      text += more
      if (!text.endsWith('\n')) return
      if (this.#unreleased.has(text)) this.#askers.set(socket, text)
      else socket.end('\n')
    })
  }
}

/** The request line of a resource. */
const lineOf = (resource: string): string => `${JSON.stringify(resource)}\n`

/** A socket without a number that is older than this belongs to a process that was killed while it joined the queue. */
const orphanedMs = 60_000

interface Deps {
  readonly clock: Clock
  /** The buffer directory: links below it are refused. Default: the directory of the queue. */
  readonly root?: string
}

/** Joins a queue for these resources. Rejects if the directory does not support sockets or hard links. */
export async function enterQueue(
  directory: string,
  { clock, root = directory }: Deps,
  resources: readonly string[],
): Promise<QueueTicket> {
  await makeDirectory(root, directory)
  for (let isSwept = false; ; isSwept = true) {
    const held = await hold(root, directory)
    const ticket = new QueueTicket(held, resources)
    if (!isSwept) await sweep(held, clock.now())
    if (await ticket.join()) return ticket
  }
}

export interface Turn {
  release(): Promise<void>
}

/** Acquires a queue with a single resource; undefined if the signal aborts first. Rejects like `enterQueue`. */
export async function acquireTurn(directory: string, deps: Deps, signal: AbortSignal): Promise<Turn | undefined> {
  const ticket = await enterQueue(directory, deps, [''])
  try {
    if (await ticket.waitFor('', signal)) return { release: () => ticket.leave() }
  } catch (error) {
    await ticket.leave()
    throw error
  }
  await ticket.leave()
  return undefined
}

/** Claims a number for a socket. Returns the lower numbers; undefined if another process was faster. */
async function claimNumber(directory: HeldDirectory, socket: string): Promise<readonly number[] | undefined> {
  const number = ((await numbersIn(directory)).at(-1) ?? 0) + 1
  try {
    await linkName(directory.at(socket), directory.at(String(number)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  } finally {
    await removed(directory, socket)
  }
  const all = await numbersIn(directory)
  if (all.at(-1) === number) return all.slice(0, -1)
  await removed(directory, String(number)) // the number may have been used before
  return undefined
}

async function numbersIn(directory: HeldDirectory): Promise<readonly number[]> {
  const names = await readdir(directory.at(''))
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((left, right) => left - right)
}

/**
 * Waits until the process of a ticket releases a resource. Returns true if it does, if it is dead (the name is
 * removed), or if it belongs to another user and permissions deny the connection. Returns false if the connection
 * closes without an answer, or if the signal aborts.
 */
async function isReleased(
  directory: HeldDirectory,
  name: string,
  { resource, signal }: { readonly resource: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const socket = await connected(directory, name)
  if (socket === 'forbidden') return true // it may be dead: continuing out of order is better than blocking
  if (socket === undefined) {
    await removed(directory, name)
    return true
  }
  const abort = () => socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('data', () => resolve(true))
      socket.once('close', () => resolve(false))
      socket.write(lineOf(resource))
    })
  } finally {
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
}

/** Another process may have removed the name. */
const removed = (directory: HeldDirectory, name: string) => unlink(directory.at(name)).catch(() => {})

/** Connects to a ticket; undefined if no process listens. */
async function connected(directory: HeldDirectory, name: string): Promise<Socket | 'forbidden' | undefined> {
  try {
    return await connectIn(directory, name)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'ENOTSOCK'].includes(code)) return undefined
    if (isForbidden(error)) return 'forbidden'
    throw error
  }
}

async function sweep(directory: HeldDirectory, nowMs: number): Promise<void> {
  for (const name of await readdir(directory.at(''))) {
    if (!name.startsWith('new-')) continue
    const status = await lstat(directory.at(name)).catch(() => undefined) // it has just received its number
    if (status !== undefined && status.mtimeMs < nowMs - orphanedMs) await removed(directory, name)
  }
}
