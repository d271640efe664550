import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'

import { systemClock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import { chownToOwner, type Ownership } from '../disk/chown.ts'
import { isForbidden } from '../disk/filesystem.ts'
import { lockMessages } from '../messages.ts'
import { acquireTurn } from './fifo-queue.ts'
import { reachable } from './socket-path.ts'

/** A buffer cannot be opened, as somebody else has it. */
export class BufferError extends Error {}

/** What is asked on the control channel: one line of JSON, with the command's own fields. */
export interface Request {
  readonly command: string
  readonly [field: string]: unknown
}

/** What is answered: lines of JSON; the last is `{"end":true}` or `{"error":"…"}`. */
export type Answer = (request: Request) => AsyncIterable<unknown>

interface Deps {
  readonly log: Log
  /** Whose the socket is that root makes. */
  readonly ownership?: Ownership | undefined
}

const name = 'owner'
/** An owner that does not answer in this time is busy, and an owner all the same. */
const timeoutMs = 5000

/**
 * Owning a directory: a Unix socket in it, to which whoever listens is the owner. A socket that nobody listens to is a
 * dead process's and is taken over. The same socket is the control channel.
 */
export class BufferLock {
  readonly #directory: string
  readonly #answer: Answer
  readonly #log: Log
  readonly #ownership: Ownership | undefined
  #server: Server | undefined

  constructor(directory: string, answer: Answer, { log, ownership }: Deps) {
    this.#directory = directory
    this.#answer = answer
    this.#log = log
    this.#ownership = ownership
  }

  /** Throws BufferError where somebody else is the owner. A file system that takes no sockets is said, and no owner is. */
  async acquire(): Promise<void> {
    await this.close()
    try {
      this.#server = (await this.#listen()) ?? (await this.#replaceStale())
    } catch (error) {
      if (error instanceof BufferError) throw error
      report(this.#log, lockMessages.noSocket, { directory: this.#directory, err: messageOf(error) })
    }
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    await new Promise((resolve) => server.close(resolve)) // it removes the socket's name
  }

  /** Undefined where the name is taken, by the living or by the dead. */
  async #listen(): Promise<Server | undefined> {
    const server = createServer((socket) => void this.#serve(socket))
    const { path, release } = await reachable(`${this.#directory}/${name}`)
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(path, resolve)
      })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
      throw error
    } finally {
      await release()
    }
    server.unref()
    await chownToOwner(`${this.#directory}/${name}`, this.#ownership)
    return server
  }

  /**
   * Removes the name of a dead process and listens there. Only whose turn it is removes one, so nobody's is removed who
   * has come to live meanwhile.
   */
  async #replaceStale(): Promise<Server> {
    await this.#rejectIfOwned()
    const turn = await this.#turn()
    if (turn === undefined)
      throw new BufferError(`buffer: ${this.#directory} is locked by another process that is starting; try again`)
    try {
      for (;;) {
        await this.#rejectIfOwned()
        await rm(`${this.#directory}/${name}`, { force: true })
        const server = await this.#listen()
        if (server !== undefined) return server
      }
    } finally {
      await turn.release()
    }
  }

  #turn() {
    const deps = { clock: systemClock, ownership: this.#ownership }
    return acquireTurn(`${this.#directory}/lock-queue`, deps, AbortSignal.timeout(timeoutMs))
  }

  async #rejectIfOwned(): Promise<void> {
    const pid = await ownerOf(this.#directory)
    if (pid === undefined) return
    throw new BufferError(
      `buffer: ${this.#directory} is in use by a running agent (pid ${pid === 'unclear' ? 'unknown' : pid}); ` +
        'stop that agent, or set buffer.directory to another directory',
    )
  }

  async #serve(socket: Socket): Promise<void> {
    socket.on('error', () => {}) // whoever asked has gone
    try {
      for await (const line of lines(socket)) {
        const request = JSON.parse(line) as Request
        if (request.command === 'who') await send(socket, { pid: process.pid })
        else for await (const part of this.#answer(request)) await send(socket, part)
        await send(socket, { end: true })
        break
      }
    } catch (error) {
      await send(socket, { error: messageOf(error) }).catch(() => {}) // gone, too
    }
    socket.end()
  }
}

/** How often somebody is asked who breaks off: it is most likely at its end. */
const askAttempts = 3

/** The pid of the owner; undefined where there is none. */
export async function ownerOf(directory: string): Promise<number | 'unclear' | undefined> {
  const begunMs = systemClock.monotonicMs()
  for (let i = 0; i < askAttempts && systemClock.monotonicMs() - begunMs < timeoutMs; i++) {
    const answer = await ask(directory, { command: 'who' })
    if (answer === undefined) return undefined
    try {
      for await (const line of answer) return (line as { readonly pid?: number }).pid ?? 'unclear'
    } catch (error) {
      if (error instanceof BufferError) throw error // anything else is a broken connection
    }
  }
  return 'unclear'
}

/** Asks the owner of a directory. Undefined where there is none. */
export async function ask(directory: string, request: Request): Promise<AsyncIterable<unknown> | undefined> {
  const { path, release } = await reachable(`${directory}/${name}`).catch((error: NodeJS.ErrnoException) => {
    if (isForbidden(error)) throw error
    return { path: '', release: undefined }
  })
  if (path === '') return undefined
  const socket = connect(path)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK') return undefined
    throw error
  } finally {
    await release?.()
  }
  if (request.command === 'who') socket.setTimeout(timeoutMs, () => socket.destroy())
  socket.on('error', () => {}) // the end is noticed by the missing last line
  await send(socket, request)
  return answersOf(socket, request.command === 'who')
}

async function* answersOf(socket: Socket, mayBreakOff: boolean): AsyncGenerator<unknown> {
  try {
    for await (const line of lines(socket)) {
      const part = JSON.parse(line) as { end?: true; error?: string }
      if (part.end) return
      if (part.error !== undefined) throw new BufferError(part.error)
      yield part
    }
  } finally {
    socket.destroy()
  }
  if (!mayBreakOff)
    throw new BufferError('buffer: the agent closed the connection before its answer was complete; try again')
}

/** The lines that come, without their ends. The socket stays open for the answer. */
async function* lines(socket: Socket): AsyncGenerator<string> {
  socket.setEncoding('utf8')
  let rest = ''
  for await (const text of socket.iterator({ destroyOnReturn: false })) {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
}

/** One value as one line; waits where whoever reads is slow. */
async function send(socket: Socket, value: unknown): Promise<void> {
  if (socket.destroyed) throw new Error('the connection is closed')
  if (!socket.write(`${JSON.stringify(value)}\n`)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
}
