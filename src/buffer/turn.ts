import { link as linkName, readdir, stat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { makeDirectory } from './files.ts'
import { reachable } from './socket-path.ts'

/**
 * A turn: one process at a time, in the order in which they came, and no turn outlives its process.
 *
 * A queue is a directory. Each place in it is a Unix socket whose name is its number; whoever listens to it is there, and
 * whoever has gone, killed or done, is not. It is the turn of the lowest number that somebody listens to; the others wait
 * for the end of a connection to the one before them.
 *
 * Numbers are never used twice. The next one is the highest plus one, taken with link(2), which fails where the name is
 * there already; the name of somebody who has gone may be removed only as long as a higher one is there. So the highest
 * always stays, and one that comes in late with a lower number, after the name was removed, sees the higher one and
 * queues anew.
 */
export interface Turn {
  release(): Promise<void>
}

/** Sockets that never got a number are somebody's who was killed between two system calls. */
const strayMs = 60_000

/** Waits for its turn; undefined where the signal aborts first. Rejects where the directory takes no sockets or links. */
export async function takeTurn(directory: string, clock: Clock, signal: AbortSignal): Promise<Turn | undefined> {
  const place = await queueUp(directory, clock)
  try {
    while (!signal.aborted) {
      const before = await placesBelow(directory, place.number)
      if (before.length === 0) return place
      await departure(`${directory}/${before.at(-1)}`, signal)
    }
  } catch (error) {
    await place.release()
    throw error
  }
  await place.release()
  return undefined
}

interface Place extends Turn {
  readonly number: number
}

async function queueUp(directory: string, clock: Clock): Promise<Place> {
  await makeDirectory(directory)
  await sweep(directory, clock.now())
  for (;;) {
    const place = await tryToQueue(directory)
    if (place !== undefined) return place
  }
}

/**
 * A place at the end; undefined where others were faster. Each try has a socket of its own: who waits for the place that
 * is given up must not wait for the next one.
 */
async function tryToQueue(directory: string): Promise<Place | undefined> {
  const stray = `${directory}/new-${process.pid}-${Math.random().toString(36).slice(2, 10)}`
  const { server, sockets } = await listening(stray)
  const release = async () => {
    for (const socket of sockets) socket.destroy()
    await closed(server)
  }
  try {
    const number = await numbered(directory, stray)
    if (number !== undefined) return { number, release }
    await release()
    return undefined
  } catch (error) {
    await release()
    throw error
  } finally {
    await removed(stray) // closing the server has removed it
  }
}

async function numbered(directory: string, socket: string): Promise<number | undefined> {
  const number = ((await numbersIn(directory)).at(-1) ?? 0) + 1
  try {
    await linkName(socket, nameOf(directory, number))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
  if ((await numbersIn(directory)).at(-1) === number) return number
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

const placesBelow = async (directory: string, number: number): Promise<readonly number[]> =>
  (await numbersIn(directory)).filter((one) => one < number)

/** Waits until nobody listens to a socket any more, and removes its name; or until the signal aborts. */
async function departure(path: string, signal: AbortSignal): Promise<void> {
  const line = await dialled(path)
  if (line === undefined) return await removed(path)
  const { socket, gone } = line
  const abort = () => socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  socket.resume()
  await gone
  signal.removeEventListener('abort', abort)
}

const removed = (path: string) => unlink(path).catch(() => {}) // another one that waits was faster

/** A connection to whoever listens there, and its end, which may come at any time; undefined where nobody does. */
async function dialled(path: string): Promise<{ readonly socket: Socket; readonly gone: Promise<void> } | undefined> {
  const { path: near, release } = await reachable(path)
  const socket = connect(near)
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.on('error', reject) // after that its end is all that matters
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET') return undefined
    throw error
  } finally {
    await release()
  }
  return { socket, gone }
}

async function listening(path: string): Promise<{ readonly server: Server; readonly sockets: ReadonlySet<Socket> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // whoever waited has gone
    socket.once('close', () => sockets.delete(socket))
    socket.resume()
    socket.unref()
  })
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
  return { server, sockets }
}

const closed = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()))

async function sweep(directory: string, nowMs: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith('new-')) continue
    const status = await stat(`${directory}/${name}`).catch(() => undefined) // it has just got its number
    if (status !== undefined && status.mtimeMs < nowMs - strayMs) await removed(`${directory}/${name}`)
  }
}
