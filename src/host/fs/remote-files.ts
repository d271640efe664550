/*
 * A system call on NFS or FUSE waits while the server does not answer. In the thread pool or in a Worker it would make the
 * whole process unkillable, even by SIGKILL, so child processes make these calls. They exist only while something is read
 * from such a file system. Each has one request at a time.
 *
 * If a child has not answered within `slowMs`, another child handles the requests of other directories. When the first one
 * answers, it is used again, or ended if another child is idle. At most four children hang; then no request is made until
 * one of them answers.
 */
import type { ChildProcess } from 'node:child_process'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../util/clock.ts'
import { type IsRemote, RemotePaths } from './remote-path.ts'
import type { FileAnswer, FileQuestion, ListedFiles, ListLimits, ReadAnswer } from './types.ts'

/** Files that may be on a remote file system. */
export interface RemoteFiles {
  /** The check whether a system call on a path may wait for a server or a daemon. */
  remotePaths(): IsRemote
  /** Reads a regular file; `unchanged` if it still has the stamp `unless`. Rejects after the timeout. */
  read(path: string, maxBytes: number, unless: string): Promise<ReadAnswer>
  /**
   * Reads the files with a suffix that match a glob, or that are in a directory that matches it. Rejects after the timeout.
   */
  list(pattern: string, suffix: string, limits: ListLimits): Promise<ListedFiles>
  /** Ends the children; hanging ones end when their system call returns. */
  close(): void
}

/** Timeout of a request, milliseconds. */
const timeoutMs = 5000
/** A child that needs longer is not used for other directories until it answers. */
const slowMs = 500
/** An idle child ends after this time. */
const idleMs = 120_000
const maxChildren = 4

interface Deps {
  readonly clock: Clock
  readonly paths?: Pick<RemotePaths, 'now'>
  readonly waits?: { readonly timeoutMs: number; readonly slowMs: number }
}

interface Waiting {
  readonly question: FileQuestion
  /** The directory: at most one request for it is open. */
  readonly place: string
  readonly settle: (outcome: Settled) => void
}

type Settled = { readonly value: ReadAnswer | ListedFiles } | { readonly reason: Error }

export class ChildFiles implements RemoteFiles {
  readonly #clock: Clock
  readonly #paths: Pick<RemotePaths, 'now'>
  readonly #waits: { readonly timeoutMs: number; readonly slowMs: number }
  readonly #children = new Set<FileChild>()
  readonly #waiting: Waiting[] = []

  constructor({ clock, paths = new RemotePaths(), waits = { timeoutMs, slowMs } }: Deps) {
    this.#clock = clock
    this.#paths = paths
    this.#waits = waits
  }

  remotePaths(): IsRemote {
    return this.#paths.now()
  }

  read(path: string, maxBytes: number, unless: string): Promise<ReadAnswer> {
    const question = { kind: 'read', path: posix.resolve(path), maxBytes, unless } as const
    return this.#answer(question, posix.dirname(question.path)) as Promise<ReadAnswer>
  }

  list(pattern: string, suffix: string, limits: ListLimits): Promise<ListedFiles> {
    const question = { kind: 'list', pattern: posix.resolve(pattern), suffix, limits } as const
    return this.#answer(question, question.pattern) as Promise<ListedFiles>
  }

  close(): void {
    for (const child of this.#children) child.end()
    this.#children.clear()
    for (const { settle } of this.#waiting.splice(0)) settle({ reason: new Error('closed') })
  }

  #answer(question: FileQuestion, place: string): Promise<ReadAnswer | ListedFiles> {
    if (this.#hung().some((child) => child.waiting?.place === place)) return Promise.reject(noAnswer(place))
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.timer(this.#waits.timeoutMs, () => {
        const at = this.#waiting.indexOf(waiting)
        if (at >= 0) this.#waiting.splice(at, 1)
        reject(noAnswer(place))
      })
      const settle = (outcome: Settled) => {
        cancel()
        if ('reason' in outcome) reject(outcome.reason)
        else resolve(outcome.value)
      }
      const waiting = { question, place, settle }
      this.#waiting.push(waiting)
      this.#next()
    })
  }

  /** The children with a request that has timed out. */
  #hung(): readonly FileChild[] {
    const sinceMs = this.#clock.monotonicMs() - this.#waits.timeoutMs
    return [...this.#children].filter((child) => child.waiting !== undefined && child.askedAtMs <= sinceMs)
  }

  /** Starts the next requests. Keeps one idle child. */
  #next(): void {
    const [idle, ...spare] = [...this.#children].filter((child) => child.waiting === undefined)
    for (const child of spare) this.#end(child)
    const nowMs = this.#clock.monotonicMs()
    const busy = [...this.#children].filter((child) => child.waiting !== undefined)
    const isWorking = busy.some(({ askedAtMs }) => nowMs - askedAtMs < this.#waits.slowMs)
    const places = new Set(busy.map(({ waiting }) => waiting?.place))
    const at = this.#waiting.findIndex(({ place }) => !places.has(place))
    const next = isWorking ? undefined : this.#waiting[at]
    if (next === undefined) return
    const child = idle ?? (this.#children.size < maxChildren ? this.#start() : undefined)
    if (child === undefined) return
    this.#waiting.splice(at, 1)
    child.ask(next, nowMs)
    // if it is slow, another child makes the next request
    this.#clock.timer(this.#waits.slowMs, () => this.#next())
  }

  #start(): FileChild {
    const child: FileChild = new FileChild(() => this.#next(), {
      gone: () => {
        this.#children.delete(child)
        this.#next()
      },
      idleTimer: (end) => this.#clock.timer(idleMs, end),
    })
    this.#children.add(child)
    return child
  }

  #end(child: FileChild): void {
    this.#children.delete(child)
    child.end()
  }
}

const noAnswer = (place: string) => new Error(`the file system of ${place} does not answer`)

/** In the source, and in a bundle beside its main file. */
const program = fileURLToPath(
  import.meta.url.endsWith('.ts')
    ? new URL('file-child.ts', import.meta.url)
    : new URL('file-child.cjs', import.meta.url),
)

interface Events {
  /** The child has ended or could not be started. */
  readonly gone: () => void
  /** Calls `end` after the time for which an idle child is kept. Returns the function that cancels the call. */
  readonly idleTimer: (end: () => void) => () => void
}

/** A child process that may hang without effect on this process: it does not keep the event loop alive. */
class FileChild {
  /** The open request. */
  waiting: Waiting | undefined
  askedAtMs = 0
  readonly #process: ChildProcess
  readonly #events: Events
  #cancelIdle = () => {}
  #id = 0

  constructor(onAnswer: () => void, events: Events) {
    const { spawn } = process.getBuiltinModule('node:child_process') // loaded on demand: 3 ms
    this.#events = events
    const flags = ['--max-semi-space-size=1', '--no-warnings']
    this.#process = spawn(process.execPath, [...flags, program], {
      cwd: '/',
      detached: true, // signals of the terminal are for the command
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    })
    this.#process.on('message', (answer: FileAnswer) => {
      if (answer.id !== this.#id) return
      this.#settle('value' in answer ? answer : { reason: Object.assign(new Error(), answer.error) })
      this.#cancelIdle = events.idleTimer(() => this.end())
      onAnswer()
    })
    this.#process.on('error', (error) => this.#gone(error))
    this.#process.on('exit', (status, signal) => this.#gone(new Error(`reader ended, ${signal ?? `status ${status}`}`)))
    this.#process.unref()
    this.#process.channel?.unref()
  }

  ask(waiting: Waiting, nowMs: number): void {
    this.#cancelIdle()
    this.waiting = waiting
    this.askedAtMs = nowMs
    this.#id++
    this.#process.send({ ...waiting.question, id: this.#id }, (error) => {
      if (error !== null) this.#gone(error)
    })
  }

  /** Ends the child. A system call that hangs is ended by SIGKILL on NFS, and not on FUSE. Does not wait. */
  end(): void {
    this.#cancelIdle()
    this.#process.kill('SIGKILL')
    if (this.#process.connected) this.#process.disconnect()
  }

  #gone(reason: Error): void {
    this.#settle({ reason })
    this.#cancelIdle()
    this.#events.gone()
  }

  #settle(outcome: Settled): void {
    const { waiting } = this
    this.waiting = undefined
    waiting?.settle(outcome)
  }
}
