/*
 * statfs(2) blocks while a file server or a FUSE daemon does not answer. A call that hangs in the thread pool or in a
 * Worker makes the whole process unkillable, even by SIGKILL. So a child process calls statfs(2) for mounts that may hang:
 * a shell loop (0.2 MB; a Node child would need 8 MB). A child has one request at a time, a mount one open request.
 *
 * If a child has not answered within `slowMs`, another child handles the other mounts. When the first one answers, it is
 * used again, or ended if another child is idle. At most four children hang; then no request is made until one answers.
 */
import { statfsSync } from 'node:fs'
import type { Clock } from '../../util/clock.ts'
import { errnoText, goText } from '../fs/errno.ts'
import { pathBytes } from '../fs/text.ts'
import { type Command, StatfsChild, shellLoop } from './statfs-child.ts'

/** Usage of a file system, or an error in the words of node_exporter's `device_error` label. */
export type StatfsAnswer = Usage | { readonly error: string }

export interface Usage {
  readonly blockBytes: number
  readonly blocks: number
  readonly free: number
  readonly available: number
  readonly files: number
  readonly filesFree: number
}

export interface Waits {
  /** Age of an open request after which its mount is reported as timed out. */
  readonly timeoutMs: number
  /** Maximum wait for answers in this call. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

/** Paths may contain any bytes: see `pathBytes`. */
export interface Statfs {
  /** Calls statfs(2) in this process: only for a mount that cannot hang. */
  here(path: string): StatfsAnswer
  /**
   * Requests each path without an open request, and yields the answers as they arrive. A path that has not answered when
   * the wait ends gets `timedOut` if its request is old enough, otherwise its previous answer. It gets nothing if it never
   * answered. Drops the state of paths that are not in `paths`. Calls must not overlap.
   */
  apart(paths: readonly string[], waits: Waits): AsyncIterable<readonly [path: string, StatfsAnswer]>
  /** A failure of the child processes, not of a mount. */
  readonly problem: string | undefined
}

export const timedOut: StatfsAnswer = { error: 'mountpoint timeout' }
const unable: StatfsAnswer = { error: 'statfs not available' }
const maxChildren = 4

interface Deps {
  readonly clock: Clock
  readonly command?: Command
  readonly slowMs?: number
}

interface Probe {
  /** Start of the open request, monotonic milliseconds; undefined if none is open. */
  openSinceMs: number | undefined
  last: StatfsAnswer | undefined
}

export class HostStatfs implements Statfs {
  readonly #clock: Clock
  readonly #command: Command
  readonly #slowMs: number
  readonly #probes = new Map<string, Probe>()
  readonly #children = new Set<StatfsChild>()
  /** Paths with an open request that no child has yet. */
  readonly #waiting = new Set<string>()
  #problem: string | undefined
  #wake = () => {}

  constructor({ clock, command = shellLoop, slowMs = 500 }: Deps) {
    this.#clock = clock
    this.#command = command
    this.#slowMs = slowMs
  }

  get problem(): string | undefined {
    return this.#problem
  }

  here(path: string): StatfsAnswer {
    try {
      const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(pathBytes(path), { bigint: true })
      return usage([bsize, blocks, bfree, bavail, files, ffree].map(unsigned))
    } catch (error) {
      return { error: errnoText(error) }
    }
  }

  async *apart(paths: readonly string[], waits: Waits): AsyncIterable<readonly [path: string, StatfsAnswer]> {
    this.#problem = undefined
    const pending = this.#open(paths)
    const untilMs = this.#clock.monotonicMs() + waits.waitMs
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      for (const [path, { openSinceMs, last }] of pending)
        if (openSinceMs === undefined && pending.delete(path) && last !== undefined) yield [path, last]
      const leftMs = untilMs - this.#clock.monotonicMs()
      const isLate = this.#late(waits.timeoutMs)
      if (leftMs <= 0 || waits.signal.aborted || [...pending].every(isLate)) break
      await this.#sleep(Math.min(leftMs, this.#slowMs), woken, waits.signal)
      this.#ask()
    }
    const late = this.#late(waits.timeoutMs)
    if (this.#stuck(waits.timeoutMs) && this.#waiting.size > 0)
      this.#problem = `${maxChildren} mounts hang: other remote mounts are not checked`
    for (const [path, probe] of pending) {
      if (late([path, probe])) probe.last = timedOut
      if (probe.last !== undefined) yield [path, probe.last]
    }
  }

  /** Ends the children; hanging ones end when their system call returns. */
  close(): void {
    this.#waiting.clear()
    for (const child of this.#children) this.#end(child)
  }

  /** Opens a request for each path without one. The age of a request that no child has yet starts again. */
  #open(paths: readonly string[]): Map<string, Probe> {
    const asked = new Set([...this.#children].map((child) => child.asked))
    const pending = new Map<string, Probe>()
    for (const path of paths) {
      const probe = this.#probes.get(path) ?? { openSinceMs: undefined, last: undefined }
      pending.set(path, probe)
      if (asked.has(path)) continue
      if (path.includes('\0')) probe.last = { error: 'invalid argument' }
      else {
        probe.openSinceMs = this.#clock.monotonicMs()
        this.#waiting.add(path)
      }
    }
    for (const path of this.#probes.keys()) {
      if (pending.has(path) || asked.has(path)) continue
      this.#probes.delete(path)
      this.#waiting.delete(path)
    }
    for (const [path, probe] of pending) this.#probes.set(path, probe)
    this.#ask()
    return pending
  }

  /** Returns whether a request has timed out, or cannot be made because all children hang. */
  #late(timeoutMs: number): (request: readonly [path: string, Probe]) => boolean {
    const since = this.#clock.monotonicMs() - timeoutMs
    const stuck = this.#stuck(timeoutMs)
    return ([path, { openSinceMs }]) =>
      openSinceMs !== undefined && (openSinceMs <= since || (stuck && this.#waiting.has(path)))
  }

  /** Whether the maximum number of children hang. */
  #stuck(timeoutMs: number): boolean {
    const since = this.#clock.monotonicMs() - timeoutMs
    const hung = [...this.#children].filter((child) => child.asked !== undefined && child.askedAtMs <= since)
    return hung.length >= maxChildren
  }

  /** Starts the next request, unless a child is working or too many hang. Keeps one idle child. */
  #ask(): void {
    const now = this.#clock.monotonicMs()
    const [idle, ...spare] = [...this.#children].filter((child) => child.asked === undefined)
    for (const child of spare) this.#end(child)
    const [path] = this.#waiting
    if (path === undefined) return
    for (const child of this.#children) if (child.asked !== undefined && now - child.askedAtMs < this.#slowMs) return
    const child = idle ?? (this.#children.size < maxChildren ? this.#start() : undefined)
    if (child === undefined) return
    this.#waiting.delete(path)
    child.ask(path, now)
  }

  #start(): StatfsChild {
    const child = new StatfsChild(this.#command, {
      answered: (path, words, status) => this.#answered(path, this.#meaning(words, status)),
      gone: (child, why) => this.#gone(child, why),
    })
    this.#children.add(child)
    return child
  }

  #answered(path: string, answer: StatfsAnswer): void {
    const probe = this.#probes.get(path)
    if (probe !== undefined) Object.assign(probe, { last: answer, openSinceMs: undefined } satisfies Probe)
    this.#wake()
    this.#ask()
  }

  #meaning(words: string, status: number): StatfsAnswer {
    const numbers = words.split(' ').map(Number)
    if (status === 0 && numbers.length === 6 && !numbers.some(Number.isNaN)) return usage(numbers)
    const [, reason] = /^stat: .*: ([^:]+)$/s.exec(words) ?? []
    if (status === 1 && reason !== undefined) return { error: goText(reason) }
    this.#problem = `stat answered ${JSON.stringify(words.slice(0, 200))}, status ${status}`
    return unable
  }

  /** If a child dies, its request fails. If it has never answered, all waiting requests fail. */
  #gone(child: StatfsChild, why: string): void {
    if (!this.#children.delete(child)) return
    const lost = child.asked === undefined ? [] : [child.asked]
    if (!child.proven) {
      lost.push(...this.#waiting)
      this.#waiting.clear()
    }
    if (lost.length > 0) this.#problem = why
    for (const path of lost) this.#answered(path, unable)
    this.#ask()
  }

  #end(child: StatfsChild): void {
    this.#children.delete(child)
    child.end()
  }

  /** Waits until `ms` have passed, a child has answered, or the signal aborts. */
  async #sleep(ms: number, woken: Promise<void>, signal: AbortSignal): Promise<void> {
    const done = new AbortController()
    const over = this.#clock.sleep(ms, AbortSignal.any([signal, done.signal])).catch(() => {}) // cancelled
    await Promise.race([over, woken])
    done.abort(awake)
  }
}

function usage(numbers: readonly number[]): Usage {
  const [blockBytes = 0, blocks = 0, free = 0, available = 0, files = 0, filesFree = 0] = numbers
  return { blockBytes, blocks, free, available, files, filesFree }
}

/** Shared, because creating an Error is expensive. Never shown. */
const awake = new Error('woken')

/** Node returns the kernel's unsigned 64-bit values as signed. */
const unsigned = (value: bigint): number => Number(BigInt.asUintN(64, value))
