import { Dir, diskFiles } from '../host/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Cgroup, makeCgroup } from './cgroup.ts'
import { environmentOf, inheritedVariable, parseInherited } from './inherited.ts'
import type { JobProgress } from './metrics.ts'
import { Orphans } from './orphans.ts'
import { ProcessTree, waitedFor } from './process-tree.ts'
import { Signals } from './signals.ts'
import { type Command, startCommand, type Unstarted } from './spawn.ts'

export { jobSnapshots } from './metrics.ts'
export { type RunningJob, remoteJob, serveJob } from './remote-job.ts'

interface Deps {
  readonly clock: Clock
  /** The environment of hostpush, which the command inherits. */
  readonly environment: NodeJS.ProcessEnv
  /** Time between SIGTERM and SIGKILL for the remaining processes, in milliseconds; undefined: never kill. */
  readonly killAfterMs?: number | undefined
}

/** The interval between two reads of /proc grows from the first to the second: short-lived commands are seen too. */
const minRefreshMs = 10
const maxRefreshMs = 1000

/** Termination signals within this time are one request: systemd, shells and supervisors may send several. */
const sameStopMs = 1000

/** Starts a command, forwards signals to it, and tracks its process tree. */
export async function startJob(words: readonly string[], deps: Deps): Promise<Job> {
  const inherited = parseInherited(deps.environment[inheritedVariable])
  const environment = environmentOf(deps.environment, inherited)
  const signals = new Signals(inherited.ignored)
  const cgroup = makeCgroup(process.pid, process.getuid?.() ?? 0)
  const first = cgroup === undefined ? [] : [cgroup.enter]
  const startedMs = deps.clock.now()
  const startedMonotonicMs = deps.clock.monotonicMs()
  const command = await startCommand(words, { environment, inherited, first })
  signals.passTo('pid' in command ? command : 'none')
  return new Job(command, deps, { signals, cgroup, startedMs, startedMonotonicMs })
}

interface JobParts {
  readonly signals: Signals
  readonly cgroup: Cgroup | undefined
  readonly startedMs: number
  readonly startedMonotonicMs: number
}

/** A command that runs, has ended, or could not be started. */
export class Job {
  /** Why it could not be started; undefined if it was. */
  readonly problem: string | undefined
  /** Its exit status as in a shell: 128 plus the signal number if a signal ended it. */
  readonly status: Promise<number>
  readonly #deps: Deps
  readonly #parts: JobParts
  readonly #tree: ProcessTree
  /** Undefined if another process waits for orphans. */
  readonly #orphans: Orphans | undefined
  readonly #ended = new AbortController()
  readonly #cutShort = new AbortController()
  #end: JobProgress['end']
  /** Monotonic clock. */
  #endedAtMs: number | undefined
  #isTerminating = false
  /** Time of the first termination signal, monotonic clock. */
  #askedMs: number | undefined

  /** Must be created in the same turn of the event loop as the command: later, Node may have waited for it, and the baseline of its usage would be wrong. */
  constructor(command: Command | Unstarted, deps: Deps, parts: JobParts) {
    const proc = new Dir(diskFiles('/proc'), '/proc')
    const isStarted = 'pid' in command
    this.#deps = deps
    this.#parts = parts
    const isFirst = process.pid === 1
    const reaperPid = isFirst ? process.pid : undefined
    const before = waitedFor(proc.at('self'))
    this.#tree = new ProcessTree(proc, isStarted ? command.pid : 0, before, { cgroup: parts.cgroup, reaperPid })
    this.#orphans = isFirst ? new Orphans(proc) : undefined
    this.problem = isStarted ? undefined : command.reason
    this.status = (isStarted ? command.ended : Promise.resolve(command.status)).then((code) => this.#over(code))
    parts.signals.onEnding((signal) => this.#onTermination(signal))
    void this.#watch()
  }

  /** Aborts when the command has ended. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /**
   * Aborts when the command has ended and a termination signal arrives more than a second after the first one: the user
   * does not want to wait for delivery.
   */
  get cutShort(): AbortSignal {
    return this.#cutShort.signal
  }

  /** Calls back at each termination signal. hostpush may be killed next. */
  onNotice(callback: () => void): void {
    this.#parts.signals.onEnding(callback)
  }

  /** Current progress, or the final one after the end. */
  progress(): JobProgress {
    const { startedMs, startedMonotonicMs } = this.#parts
    if (this.#end === undefined) this.#tree.refresh()
    const durationMs = (this.#endedAtMs ?? this.#deps.clock.monotonicMs()) - startedMonotonicMs
    const { usage, peakMemoryBytes } = this.#tree
    return { startedMs, durationMs, usage, peakMemoryBytes, ...(this.#end && { end: this.#end }) }
  }

  #over(exitCode: number): number {
    const { clock } = this.#deps
    this.#endedAtMs = clock.monotonicMs()
    this.#end = { endedMs: clock.now(), exitCode }
    this.#parts.signals.passTo('none')
    this.#tree.refresh()
    this.#parts.cgroup?.remove()
    this.#ended.abort(new Error('the command has ended'))
    return exitCode
  }

  async #watch(): Promise<void> {
    for (let ms = minRefreshMs; this.#end === undefined; ms = Math.min(ms * 2, maxRefreshMs)) {
      this.#tree.refresh()
      await this.#orphans?.reap()
      await this.#pause(ms)
    }
  }

  #onTermination(signal: NodeJS.Signals): void {
    const nowMs = this.#deps.clock.monotonicMs()
    this.#askedMs ??= nowMs
    if (this.#end !== undefined && nowMs - this.#askedMs > sameStopMs)
      this.#cutShort.abort(new Error(`stopped by ${signal}`))
    if (signal === 'SIGTERM' && !this.#isTerminating) void this.#killLate()
  }

  /** Sends SIGKILL to all processes of the tree after `killAfterMs`. */
  async #killLate(): Promise<void> {
    const { killAfterMs } = this.#deps
    if (killAfterMs === undefined) return
    this.#isTerminating = true
    await this.#pause(killAfterMs)
    if (this.#end !== undefined) return
    this.#tree.refresh()
    for (const pid of this.#tree.pids) kill(pid)
  }

  /** Sleeps until the time is over or the command has ended. */
  #pause(ms: number): Promise<void> {
    return this.#deps.clock.sleep(ms, this.#ended.signal).catch(() => {}) // the command has ended
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended, or belongs to another user
  }
}
