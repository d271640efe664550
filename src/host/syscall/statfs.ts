/*
 * statfs(2), which never answers while a server or a FUSE daemon does not. A call that hangs in the thread pool or in a
 * Worker makes the whole process unkillable, SIGKILL included, so a mount that may hang is asked by a child: a shell's
 * loop (0.2 MB; a Node child would cost 8), one question at a time, at most one open question a mount.
 *
 * A child that has had no answer for `slowMs` is left to wait, and another one is asked about the other mounts. When
 * the kernel lets go of the first it is used again, or ended if there is an idle one already. At most four children
 * wait; then nothing is asked until one of them is free.
 */
import { statfsSync } from 'node:fs'
import type { Clock } from '../../util/clock.ts'
import { errnoText, goText } from '../fs/errno.ts'
import { type Command, StatfsChild, shellLoop } from './statfs-child.ts'

/** How full a file system is; or why that is not known, in the words of node_exporter's `device_error` label. */
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
  /** Age of a question at which its mount is in error. */
  readonly timeoutMs: number
  /** How long to wait for answers now. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

export interface Statfs {
  /** Asks the kernel in this process: only about a mount that cannot hang. */
  here(path: string): StatfsAnswer
  /**
   * Asks about each path whose last question is not still open, and gives the answers as they come. For the rest, after
   * the wait, gives the last answer, or `timedOut`, or nothing where none is known yet. Paths that are left out are
   * forgotten. Calls must not overlap.
   */
  apart(paths: readonly string[], waits: Waits): AsyncIterable<readonly [path: string, StatfsAnswer]>
  /** What is wrong with asking, rather than with a mount. */
  readonly problem: string | undefined
}

export const timedOut: StatfsAnswer = { error: 'mountpoint timeout' }
const unable: StatfsAnswer = { error: 'statfs not available' }
const childrenAtMost = 4

interface Deps {
  readonly clock: Clock
  readonly command?: Command
  readonly slowMs?: number
}

interface Probe {
  /** When the open question was put; undefined if none is open. */
  openSinceMs: number | undefined
  last: StatfsAnswer | undefined
}

export class HostStatfs implements Statfs {
  readonly #clock: Clock
  readonly #command: Command
  readonly #slowMs: number
  readonly #probes = new Map<string, Probe>()
  readonly #children = new Set<StatfsChild>()
  /** Paths with an open question that no child has been given. */
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
      const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(path, { bigint: true })
      return usage([bsize, blocks, bfree, bavail, files, ffree].map(unsigned))
    } catch (error) {
      return { error: errnoText(error) }
    }
  }

  async *apart(paths: readonly string[], waits: Waits): AsyncIterable<readonly [path: string, StatfsAnswer]> {
    this.#problem = undefined
    const wanted = this.#open(paths)
    const untilMs = this.#clock.monotonicMs() + waits.waitMs
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      for (const [path, { openSinceMs, last }] of wanted)
        if (openSinceMs === undefined && wanted.delete(path) && last !== undefined) yield [path, last]
      const leftMs = untilMs - this.#clock.monotonicMs()
      const hopeless = this.#late(waits.timeoutMs)
      if (leftMs <= 0 || waits.signal.aborted || [...wanted].every(hopeless)) break
      await this.#sleep(Math.min(leftMs, this.#slowMs), woken, waits.signal)
      this.#ask()
    }
    const late = this.#late(waits.timeoutMs)
    if (this.#stuck(waits.timeoutMs) && this.#waiting.size > 0)
      this.#problem = `${childrenAtMost} mounts hang: other remote mounts are not checked`
    for (const [path, probe] of wanted) {
      if (late([path, probe])) probe.last = timedOut
      if (probe.last !== undefined) yield [path, probe.last]
    }
  }

  /** Lets the children end; those that hang do so when the kernel lets them go. */
  close(): void {
    this.#waiting.clear()
    for (const child of this.#children) this.#end(child)
  }

  /** Opens a question about each path that has none open; one that no child was given counts from now. */
  #open(paths: readonly string[]): Map<string, Probe> {
    const asked = new Set([...this.#children].map((child) => child.asked))
    const wanted = new Map<string, Probe>()
    for (const path of paths) {
      const probe = this.#probes.get(path) ?? { openSinceMs: undefined, last: undefined }
      wanted.set(path, probe)
      if (asked.has(path)) continue
      // the child reads a line a path, and a NUL would cut it short
      if (/[\0\n]/.test(path)) probe.last = { error: 'invalid argument' }
      else {
        probe.openSinceMs = this.#clock.monotonicMs()
        this.#waiting.add(path)
      }
    }
    for (const path of this.#probes.keys()) {
      if (wanted.has(path) || asked.has(path)) continue
      this.#probes.delete(path)
      this.#waiting.delete(path)
    }
    for (const [path, probe] of wanted) this.#probes.set(path, probe)
    this.#ask()
    return wanted
  }

  /** Tells questions that are too old, or that nobody can be given. */
  #late(timeoutMs: number): (question: readonly [path: string, Probe]) => boolean {
    const since = this.#clock.monotonicMs() - timeoutMs
    const stuck = this.#stuck(timeoutMs)
    return ([path, { openSinceMs }]) =>
      openSinceMs !== undefined && (openSinceMs <= since || (stuck && this.#waiting.has(path)))
  }

  /** Whether every child that there may be hangs. */
  #stuck(timeoutMs: number): boolean {
    const since = this.#clock.monotonicMs() - timeoutMs
    const hung = [...this.#children].filter((child) => child.asked !== undefined && child.askedAtMs <= since)
    return hung.length >= childrenAtMost
  }

  /** Puts the next question, unless a child is at work on one or too many hang. One idle child is kept. */
  #ask(): void {
    const now = this.#clock.monotonicMs()
    const [idle, ...spare] = [...this.#children].filter((child) => child.asked === undefined)
    for (const child of spare) this.#end(child)
    const [path] = this.#waiting
    if (path === undefined) return
    for (const child of this.#children) if (child.asked !== undefined && now - child.askedAtMs < this.#slowMs) return
    const child = idle ?? (this.#children.size < childrenAtMost ? this.#start() : undefined)
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

  /** A child that dies costs the answer it owed; one that never gave any, those of all that wait. */
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

  /** Until `ms` have passed, something is answered or the signal aborts. */
  async #sleep(ms: number, woken: Promise<void>, signal: AbortSignal): Promise<void> {
    const done = new AbortController()
    const over = this.#clock.sleep(ms, AbortSignal.any([signal, done.signal])).catch(() => {}) // called off
    await Promise.race([over, woken])
    done.abort(awake)
  }
}

function usage(numbers: readonly number[]): Usage {
  const [blockBytes = 0, blocks = 0, free = 0, available = 0, files = 0, filesFree = 0] = numbers
  return { blockBytes, blocks, free, available, files, filesFree }
}

/** One for all, as an Error is dear. Nobody sees it. */
const awake = new Error('woken')

/** Node gives the kernel's 64 bits with a sign. */
const unsigned = (value: bigint): number => Number(BigInt.asUintN(64, value))
