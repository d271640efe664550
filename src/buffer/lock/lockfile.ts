import { once } from 'node:events'
import { unlink } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { systemClock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import { type HeldDirectory, hold } from '../disk/safe-path.ts'
import { lockMessages } from '../messages.ts'
import { rootOf } from '../paths.ts'
import { acquireTurn } from './fifo-queue.ts'
import { connectIn, listenIn } from './socket.ts'

/** Another process owns the buffer, or the owner's answer is an error. */
export class BufferError extends Error {}

/** The owner of a buffer is stopped or hangs. */
export class NoAnswer extends BufferError {}

/** A request on the control channel: one line of JSON with the fields of the command. */
export interface Request {
  readonly command: string
  readonly [field: string]: unknown
}

/** Answers a request with lines of JSON; the last line is `{"end":true}` or `{"error":"…"}`. */
export type Answer = (request: Request) => AsyncIterable<unknown>

interface Deps {
  readonly log: Log
}

const name = 'owner'
/** Time limit for the answer of an owner. A process that listens without answering is busy and still the owner. */
const timeoutMs = 5000

/**
 * Lock of a directory: the process that listens on the Unix socket `owner` in it is the owner. If no process listens,
 * the socket is stale and is replaced. The same socket is the control channel.
 */
export class BufferLock {
  readonly #directory: string
  readonly #answer: Answer
  readonly #log: Log
  #server: Server | undefined
  /** Held while the server is open. */
  #held: HeldDirectory | undefined

  constructor(directory: string, answer: Answer, { log }: Deps) {
    this.#directory = directory
    this.#answer = answer
    this.#log = log
  }

  /**
   * Throws BufferError if another process is the owner. If the file system does not support sockets, logs a warning and
   * continues without a lock.
   */
  async acquire(): Promise<void> {
    await this.close()
    try {
      this.#held = await hold(rootOf(this.#directory), this.#directory)
      this.#server = (await this.#listen(this.#held)) ?? (await this.#replaceStale(this.#held))
    } catch (error) {
      await this.close()
      if (error instanceof BufferError) throw error
      report(this.#log, lockMessages.noSocket, { directory: this.#directory, err: messageOf(error) })
    }
  }

  async close(): Promise<void> {
    const [server, held] = [this.#server, this.#held]
    this.#server = undefined
    this.#held = undefined
    if (server !== undefined) await new Promise((resolve) => server.close(resolve)) // removes the socket file too
    held?.release()
  }

  /** Undefined if the socket file exists, in use or stale. */
  async #listen(held: HeldDirectory): Promise<Server | undefined> {
    try {
      return await listenIn(held, name, (socket) => void this.#serve(socket))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
      throw error
    }
  }

  /**
   * Replaces a stale socket. Only the holder of the queue removes it, so the socket of a new owner is never removed.
   */
  async #replaceStale(held: HeldDirectory): Promise<Server> {
    await this.#rejectIfOwned()
    const turn = await this.#turn()
    if (turn === undefined)
      throw new BufferError(`buffer: ${this.#directory} is locked by another process that is starting; try again`)
    try {
      for (;;) {
        await this.#rejectIfOwned()
        await unlink(held.at(name)).catch(unlessMissing)
        const server = await this.#listen(held)
        if (server !== undefined) return server
      }
    } finally {
      await turn.release()
    }
  }

  #turn() {
    const deps = { clock: systemClock, root: rootOf(this.#directory) }
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
    socket.on('error', () => {}) // the client has closed the connection
    try {
      for await (const line of lines(socket)) {
        const request = JSON.parse(line) as Request
        if (request.command === 'who') await send(socket, { pid: process.pid })
        else for await (const part of this.#answer(request)) await send(socket, part)
        await send(socket, { end: true })
        break
      }
    } catch (error) {
      await send(socket, { error: messageOf(error) }).catch(() => {}) // the connection is closed
    }
    socket.end()
  }
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** Attempts to ask an owner that closes the connection: it is probably stopping. */
const askAttempts = 3

/** The pid of the owner; undefined if there is none; `unclear` if it does not answer within `withinMs`. */
export async function ownerOf(directory: string, withinMs = timeoutMs): Promise<number | 'unclear' | undefined> {
  const startMs = systemClock.monotonicMs()
  for (let i = 0; i < askAttempts && systemClock.monotonicMs() - startMs < withinMs; i++) {
    const socket = await connectedTo(directory).catch((error: unknown) => {
      if (isOverloaded(error)) return 'unclear' as const
      throw error
    })
    if (socket === undefined || socket === 'unclear') return socket
    try {
      socket.setTimeout(withinMs, async () => {
        await nextTurn() // reads what has arrived, if this process did not run for a while
        if (socket.bytesRead === 0) socket.destroy()
      })
      for await (const line of lines(await asked(socket, { command: 'who' }))) {
        socket.destroy()
        const { pid, error } = JSON.parse(line) as { readonly pid?: number; readonly error?: string }
        if (error !== undefined) throw new BufferError(error)
        return pid ?? 'unclear'
      }
    } catch (error) {
      if (error instanceof BufferError) throw error // other errors mean a closed connection: ask again
    }
  }
  return 'unclear'
}

/** The owner accepts no more connections, because it does not run: it is stopped or hangs. */
const isOverloaded = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EAGAIN'

/** After this time without a line of an answer, the owner is asked whether it still runs. */
const quietMs = 1000
/** Time limit for that. */
const aliveMs = 2000

/**
 * Sends a request to the owner of a directory. Undefined if there is no owner. Rejects if permissions deny the connection.
 * The answer may take long, but it ends with a BufferError if the owner is stopped or hangs, or when the signal aborts.
 */
export async function ask(
  directory: string,
  request: Request,
  signal?: AbortSignal,
): Promise<AsyncIterable<unknown> | undefined> {
  try {
    const socket = await connectedTo(directory)
    if (socket === undefined) return undefined
    return answersOfRunning(directory, await asked(socket, request), signal)
  } catch (error) {
    throw isOverloaded(error) ? notAnswering(directory) : error
  }
}

const notAnswering = (directory: string) =>
  new NoAnswer(
    `buffer: the process that owns ${directory} does not answer: it is stopped or hangs; continue it or restart it`,
  )

async function* answersOfRunning(
  directory: string,
  socket: Socket,
  signal: AbortSignal | undefined,
): AsyncGenerator<unknown> {
  let isHung = false
  socket.setTimeout(quietMs, async () => {
    const before = socket.bytesRead
    const owner = await ownerOf(directory, aliveMs).catch(() => 'unclear')
    await nextTurn()
    isHung = owner === 'unclear' && socket.bytesRead === before
    if (isHung) socket.destroy()
    else socket.setTimeout(quietMs)
  })
  const abort = () => {
    isHung = true
    socket.destroy()
  }
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  try {
    yield* answersOf(socket)
  } catch (error) {
    throw isHung ? notAnswering(directory) : error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/** Sends a request. */
async function asked(socket: Socket, request: Request): Promise<Socket> {
  socket.on('error', () => {}) // answersOf detects a closed connection by the missing last line
  await send(socket, request)
  return socket
}

async function connectedTo(directory: string): Promise<Socket | undefined> {
  let held: HeldDirectory | undefined
  try {
    held = await hold(rootOf(directory), directory)
    return await connectIn(held, name)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ENOTSOCK'].includes(code)) return undefined
    throw error
  } finally {
    held?.release()
  }
}

async function* answersOf(socket: Socket): AsyncGenerator<unknown> {
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
  throw new BufferError('buffer: the agent closed the connection before its answer was complete; try again')
}

/** The received lines, without line ends. The socket stays open for the answer. */
async function* lines(socket: Socket): AsyncGenerator<string> {
  socket.setEncoding('utf8')
  let rest = ''
  for await (const text of socket.iterator({ destroyOnReturn: false })) {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
}

/** Sends one value as a line of JSON. Waits if the reader is slow. */
async function send(socket: Socket, value: unknown): Promise<void> {
  if (socket.destroyed) throw new Error('the connection is closed')
  if (!socket.write(`${JSON.stringify(value)}\n`)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
}
