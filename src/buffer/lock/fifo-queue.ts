import { link as linkName, readdir, stat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../util/clock.ts'
import { chownToOwner, type Ownership } from '../disk/chown.ts'
import { isForbidden, makeDirectory } from '../disk/filesystem.ts'
import { reachable } from './socket-path.ts'

/**
 * Turns: at each thing one process at a time, at all things in the one order in which they came, and no turn outlives its
 * process.
 *
 * A queue is a directory. Each place in it is a Unix socket whose name is its number; whoever listens to it is there, and
 * whoever has gone, killed or done, is not. Who wants its turn at a thing asks each of those with lower numbers for that
 * thing, by a line with its name: who is through with it, or never wanted it, answers at once with a line, and who has it
 * or waits for it answers when it is through.
 *
 * Numbers are never used twice. The next one is the highest plus one, taken with link(2), which fails where the name is
 * there already; the name of somebody who has gone may be removed only as long as a higher one is there. So the highest
 * always stays, and one that comes in late with a lower number, after the name was removed, sees the higher one and
 * queues anew.
 */
export class QueueTicket {
  readonly #directory: string
  readonly #ownership: Ownership | undefined
  /** What it has not passed yet, as it is asked for. */
  readonly #wanted: Set<string>
  /** Who is connected, and what they wait for as far as they have said. */
  readonly #askers = new Map<Socket, string | undefined>()
  #server: Server | undefined
  /** The numbers below its own, as it came. */
  #before: readonly number[] = []

  constructor(directory: string, things: readonly string[], ownership?: Ownership) {
    this.#directory = directory
    this.#ownership = ownership
    this.#wanted = new Set(things.map(lineOf))
  }

  /** Takes the next number. False where others were faster: who waits for this place must not wait for the next one. */
  async join(): Promise<boolean> {
    const stray = `${this.#directory}/new-${process.pid}-${Math.random().toString(36).slice(2, 10)}`
    this.#server = await listening(stray, (socket) => this.#answer(socket))
    try {
      await chownToOwner(stray, this.#ownership)
      const before = await numbered(this.#directory, stray)
      if (before === undefined) await this.leave()
      this.#before = before ?? []
      return before !== undefined
    } catch (error) {
      await this.leave()
      throw error
    } finally {
      await removed(stray) // closing the server has removed it
    }
  }

  /** Waits for its turn at one of its things; false where the signal aborts first. */
  async waitFor(thing: string, signal: AbortSignal): Promise<boolean> {
    for (const number of this.#before.toReversed())
      while (!signal.aborted && !(await isReleased(nameOf(this.#directory, number), thing, signal)));
    return !signal.aborted
  }

  /** It is through with a thing, whether it had its turn or not. */
  release(thing: string): void {
    const line = lineOf(thing)
    this.#wanted.delete(line)
    for (const [socket, awaited] of this.#askers) if (awaited === line) socket.end('\n')
  }

  /** It is through with all. */
  async leave(): Promise<void> {
    for (const socket of this.#askers.keys()) socket.destroy()
    await new Promise<void>((resolve) => {
      if (this.#server === undefined) resolve()
      else this.#server.close(() => resolve())
    })
  }

  #answer(socket: Socket): void {
    this.#askers.set(socket, undefined)
    socket.on('error', () => {}) // whoever waited has gone
    socket.once('close', () => this.#askers.delete(socket))
    socket.unref()
    let text = ''
    socket.setEncoding('utf8').on('data', (more) => {
      text += more
      if (!text.endsWith('\n')) return
      if (this.#wanted.has(text)) this.#askers.set(socket, text)
      else socket.end('\n')
    })
  }
}

/** As it is asked for. */
const lineOf = (thing: string): string => `${JSON.stringify(thing)}\n`

/** Sockets that never got a number are somebody's who was killed between two system calls. */
const orphanedMs = 60_000

interface Deps {
  readonly clock: Clock
  /** Whose the places are that root makes. */
  readonly ownership?: Ownership | undefined
}

/** A place at the end of a queue, for these things. Rejects where the directory takes no sockets or links. */
export async function enterQueue(
  directory: string,
  { clock, ownership }: Deps,
  things: readonly string[],
): Promise<QueueTicket> {
  await makeDirectory(directory, ownership)
  await sweep(directory, clock.now())
  for (;;) {
    const place = new QueueTicket(directory, things, ownership)
    if (await place.join()) return place
  }
}

export interface Turn {
  release(): Promise<void>
}

/** Waits for its turn where there is but one thing; undefined where the signal aborts first. Rejects as `queueUp` does. */
export async function acquireTurn(directory: string, deps: Deps, signal: AbortSignal): Promise<Turn | undefined> {
  const place = await enterQueue(directory, deps, [''])
  try {
    if (await place.waitFor('', signal)) return { release: () => place.leave() }
  } catch (error) {
    await place.leave()
    throw error
  }
  await place.leave()
  return undefined
}

/** The numbers below the one that a socket got; undefined where it got none. */
async function numbered(directory: string, socket: string): Promise<readonly number[] | undefined> {
  const number = ((await numbersIn(directory)).at(-1) ?? 0) + 1
  try {
    await linkName(socket, nameOf(directory, number))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
  const all = await numbersIn(directory)
  if (all.at(-1) === number) return all.slice(0, -1)
  await removed(nameOf(directory, number)) // it may be a number that was used before
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
 * Waits until whoever listens to a socket is through with a thing; true where it is, or where nobody listens, whose name
 * is removed then, or where another user does that this one may not ask. False where it has gone without a word, or the
 * signal has aborted.
 */
async function isReleased(path: string, thing: string, signal: AbortSignal): Promise<boolean> {
  const socket = await connected(path)
  if (socket === 'forbidden') return true // it may be dead: a queue out of order is better than one that stands still
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
      socket.write(lineOf(thing))
    })
  } finally {
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
}

const removed = (path: string) => unlink(path).catch(() => {}) // another one that waits was faster

/** A connection to whoever listens there; undefined where nobody does. */
async function connected(path: string): Promise<Socket | 'forbidden' | undefined> {
  const { path: near, release } = await reachable(path)
  const socket = connect(near)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.on('error', reject) // after that its end is all that matters
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
  const { path: near, release } = await reachable(path)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(near, resolve)
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
    const status = await stat(`${directory}/${name}`).catch(() => undefined) // it has just got its number
    if (status !== undefined && status.mtimeMs < nowMs - orphanedMs) await removed(`${directory}/${name}`)
  }
}
