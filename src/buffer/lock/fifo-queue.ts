import { link as linkName, readdir, stat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../util/clock.ts'
import { chownToOwner, type Ownership } from '../disk/chown.ts'
import { isForbidden, makeDirectory } from '../disk/filesystem.ts'
import { reachable } from './socket-path.ts'

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
  readonly #directory: string
  readonly #ownership: Ownership | undefined
  /** The resources that it has not released, as request lines. */
  readonly #unreleased: Set<string>
  /** The connected processes, and the request line for which each waits, once received. */
  readonly #askers = new Map<Socket, string | undefined>()
  #server: Server | undefined
  /** The lower ticket numbers at the time of joining. */
  #before: readonly number[] = []

  constructor(directory: string, resources: readonly string[], ownership?: Ownership) {
    this.#directory = directory
    this.#ownership = ownership
    this.#unreleased = new Set(resources.map(lineOf))
  }

  /**
   * Claims the next number. False if another process was faster: the caller creates a new ticket, because other
   * processes may wait for this one.
   */
  async join(): Promise<boolean> {
    const temporaryName = `${this.#directory}/new-${process.pid}-${Math.random().toString(36).slice(2, 10)}`
    this.#server = await listening(temporaryName, (socket) => this.#answer(socket))
    try {
      await chownToOwner(temporaryName, this.#ownership)
      const before = await claimNumber(this.#directory, temporaryName)
      if (before === undefined) await this.leave()
      this.#before = before ?? []
      return before !== undefined
    } catch (error) {
      await this.leave()
      throw error
    } finally {
      await removed(temporaryName) // no error if it is gone: closing the server removes it too
    }
  }

  /** Waits until it holds a resource; false if the signal aborts first. */
  async waitFor(resource: string, signal: AbortSignal): Promise<boolean> {
    for (const number of this.#before.toReversed())
      while (!signal.aborted && !(await isReleased(nameOf(this.#directory, number), resource, signal)));
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

/** Age of a socket without a number after which its process was killed while joining. */
const orphanedMs = 60_000

interface Deps {
  readonly clock: Clock
  /** Owner to chown tickets to when running as root. */
  readonly ownership?: Ownership | undefined
}

/** Joins a queue for these resources. Rejects if the directory does not support sockets or hard links. */
export async function enterQueue(
  directory: string,
  { clock, ownership }: Deps,
  resources: readonly string[],
): Promise<QueueTicket> {
  await makeDirectory(directory, ownership)
  await sweep(directory, clock.now())
  for (;;) {
    const ticket = new QueueTicket(directory, resources, ownership)
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
async function claimNumber(directory: string, socket: string): Promise<readonly number[] | undefined> {
  const number = ((await numbersIn(directory)).at(-1) ?? 0) + 1
  try {
    await linkName(socket, nameOf(directory, number))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
  const all = await numbersIn(directory)
  if (all.at(-1) === number) return all.slice(0, -1)
  await removed(nameOf(directory, number)) // the number may have been used before
  return undefined
}

const nameOf = (directory: string, number: number) => `${directory}/${number}`

async function numbersIn(directory: string): Promise<readonly number[]> {
  const names = await readdir(directory)
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
async function isReleased(path: string, resource: string, signal: AbortSignal): Promise<boolean> {
  const socket = await connected(path)
  if (socket === 'forbidden') return true // it may be dead: continuing out of order is better than blocking
  if (socket === undefined) {
    await removed(path)
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

const removed = (path: string) => unlink(path).catch(() => {}) // another process may have removed it

/** Connects to a socket; undefined if no process listens. */
async function connected(path: string): Promise<Socket | 'forbidden' | undefined> {
  const { path: shortPath, release } = await reachable(path)
  const socket = connect(shortPath)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.on('error', reject) // later errors close the socket, which isReleased handles
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET') return undefined
    if (isForbidden(error)) return 'forbidden'
    throw error
  } finally {
    await release()
  }
  return socket
}

async function listening(path: string, answer: (socket: Socket) => void): Promise<Server> {
  const server = createServer(answer)
  const { path: shortPath, release } = await reachable(path)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(shortPath, resolve)
    })
  } finally {
    await release()
  }
  server.unref()
  return server
}

async function sweep(directory: string, nowMs: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith('new-')) continue
    const status = await stat(`${directory}/${name}`).catch(() => undefined) // it has just received its number
    if (status !== undefined && status.mtimeMs < nowMs - orphanedMs) await removed(`${directory}/${name}`)
  }
}
