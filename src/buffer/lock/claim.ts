import { stat, unlink } from 'node:fs/promises'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { systemClock, withTimeout } from '../../util/clock.ts'
import { type HeldDirectory, hold, makeDirectory, refusal } from '../disk/safe-path.ts'
import { acquireTurn } from './fifo-queue.ts'
import { connectIn, listenIn } from './socket.ts'

/** A name that one process holds. The end of the process releases it. */
export interface Claim {
  release(): Promise<void>
}

/** The process that holds a name; `unknown` if it does not answer in time. */
export interface Holder {
  readonly pid: number | 'unknown'
}

/** Time for the answer of a holder, and for another process that replaces a stale name. */
const timeoutMs = 1000

/**
 * Claims a name among the processes that use a buffer directory. The claim is a socket in `claims/`, which only the user
 * of the directory can make. Rejects if the directory is not usable.
 */
export const claimIn = (root: string, name: string): Promise<Claim | Holder> => claim(root, `${root}/claims`, name)

/** Claims a name among the processes of this user, without a buffer directory. */
export async function claimForUser(name: string): Promise<Claim | Holder> {
  const uid = process.geteuid?.() ?? 0
  const directory = `${tmpdir()}/hostpush-${uid}`
  await makeDirectory(tmpdir(), directory)
  const held = await hold(tmpdir(), directory)
  const { uid: owner, mode } = await stat(held.at('.')).finally(held.release)
  if (owner !== uid || (mode & 0o077) !== 0) throw refusal(directory, 'can be changed by another user', 'EACCES')
  return await claim(directory, directory, name)
}

async function claim(root: string, directory: string, name: string): Promise<Claim | Holder> {
  await makeDirectory(root, directory)
  const held = await hold(root, directory)
  try {
    const server = (await listening(held, name)) ?? (await replaced({ root, directory, held }, name))
    if ('pid' in server) held.release()
    return 'pid' in server ? server : claimOf(server, held)
  } catch (error) {
    held.release()
    throw error
  }
}

const claimOf = (server: Server, held: HeldDirectory): Claim => ({
  async release() {
    await new Promise((resolve) => server.close(resolve)) // deletes the name
    held.release()
  },
})

/** Undefined if the name exists: it is held, or stale. */
async function listening(held: HeldDirectory, name: string): Promise<Server | undefined> {
  try {
    return await listenIn(held, name, (socket) => {
      socket.on('error', () => {}) // the other process has ended
      socket.end(`${process.pid}\n`)
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
}

interface Place {
  readonly root: string
  readonly directory: string
  readonly held: HeldDirectory
}

/** The holder of a name, or a new server if the process that held it is dead. Only one process at a time deletes names. */
async function replaced({ root, directory, held }: Place, name: string): Promise<Server | Holder> {
  const before = await holderOf(held, name)
  if (before !== undefined) return before
  const turn = await acquireTurn(`${directory}/queue`, { clock: systemClock, root }, AbortSignal.timeout(timeoutMs))
  if (turn === undefined) return { pid: 'unknown' }
  try {
    const holder = await holderOf(held, name)
    if (holder !== undefined) return holder
    await unlink(held.at(name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    return (await listening(held, name)) ?? { pid: 'unknown' }
  } finally {
    await turn.release()
  }
}

/** Undefined if no process listens. */
async function holderOf(held: HeldDirectory, name: string): Promise<Holder | undefined> {
  const socket = await connectIn(held, name).catch((error: NodeJS.ErrnoException) => {
    if (['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(error.code ?? '')) return undefined
    throw error
  })
  if (socket === undefined) return undefined
  const line = new Promise<string>((resolve) => {
    socket.setEncoding('utf8').once('data', resolve)
    socket.once('close', () => resolve(''))
  })
  const answer = await withTimeout(systemClock, timeoutMs, line)
  socket.destroy()
  const pid = Number(answer)
  return { pid: pid > 0 ? pid : 'unknown' }
}
