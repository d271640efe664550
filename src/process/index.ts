import { Dir, diskFiles } from '../host/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Cgroup, makeCgroup } from './cgroup.ts'
import { environmentOf, inheritedVariable, parseInherited } from './inherited.ts'
import type { JobProgress } from './metrics.ts'
import { ProcessTree, waitedFor } from './process-tree.ts'
import { Signals } from './signals.ts'
import { type Command, startCommand, type Unstarted } from './spawn.ts'

export { jobSnapshots } from './metrics.ts'

interface Deps {
  readonly clock: Clock
  /** What we were started with. */
  readonly environment: NodeJS.ProcessEnv
  /** How long after a SIGTERM what is left is killed, milliseconds; without it, it is waited for. */
  readonly killAfterMs?: number | undefined
}

/** Looks at the command's processes are close together at first, so that what lives for a moment is seen. */
const firstLookMs = 10
const slowestLookMs = 1000

/** Starts a command, passes every signal on to it, and watches what comes from it. */
export async function startJob(words: readonly string[], deps: Deps): Promise<Job> {
  const inherited = parseInherited(deps.environment[inheritedVariable])
  const environment = environmentOf(deps.environment, inherited)
  const signals = new Signals(inherited.ignored)
  const cgroup = makeCgroup(process.pid, process.getuid?.() ?? 0)
  const first = cgroup === undefined ? [] : [cgroup.enter]
  const startedMs = deps.clock.now()
  const begunMs = deps.clock.monotonicMs()
  const command = await startCommand(words, { environment, inherited, first })
  signals.passTo('pid' in command ? command : 'none')
  return new Job(command, deps, { signals, cgroup, startedMs, begunMs })
}

interface JobParts {
  readonly signals: Signals
  readonly cgroup: Cgroup | undefined
  readonly startedMs: number
  readonly begunMs: number
}

/** A command that was started, or could not be. */
export class Job {
  /** Why it could not be started. */
  readonly problem: string | undefined
  /** Its exit status, as a shell tells it. */
  readonly status: Promise<number>
  readonly #deps: Deps
  readonly #parts: JobParts
  readonly #tree: ProcessTree
  readonly #ended = new AbortController()
  readonly #cutShort = new AbortController()
  #end: JobProgress['end']
  /** By the monotonic clock. */
  #endedAtMs: number | undefined
  #isTerminating = false

  /** To be made before the event loop goes on: only there can the command be waited for. */
  constructor(command: Command | Unstarted, deps: Deps, parts: JobParts) {
    const proc = new Dir(diskFiles('/proc'), '/proc')
    const isStarted = 'pid' in command
    this.#deps = deps
    this.#parts = parts
    this.#tree = new ProcessTree(proc, isStarted ? command.pid : 0, waitedFor(proc.at('self')), parts.cgroup)
    this.problem = isStarted ? undefined : command.reason
    this.status = (isStarted ? command.ended : Promise.resolve(command.status)).then((code) => this.#over(code))
    parts.signals.onEnding((signal) => this.#asked(signal))
    void this.#watch()
  }

  /** Aborts when it has ended. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** Aborts when it has ended and another signal asks for an end: nobody wants to wait any longer. */
  get cutShort(): AbortSignal {
    return this.#cutShort.signal
  }

  /** Calls back when it is asked to end: we may be next. */
  onNotice(callback: () => void): void {
    this.#parts.signals.onEnding(callback)
  }

  /** How it stands, or stood at its end. */
  progress(): JobProgress {
    const { startedMs, begunMs } = this.#parts
    if (this.#end === undefined) this.#tree.refresh()
    const durationMs = (this.#endedAtMs ?? this.#deps.clock.monotonicMs()) - begunMs
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
    for (let ms = firstLookMs; this.#end === undefined; ms = Math.min(ms * 2, slowestLookMs)) {
      this.#tree.refresh()
      await this.#pause(ms)
    }
  }

  #asked(signal: NodeJS.Signals): void {
    if (this.#end !== undefined && this.#parts.signals.asked > 1)
      this.#cutShort.abort(new Error(`stopped by ${signal}`))
    if (signal === 'SIGTERM' && !this.#isTerminating) void this.#killLate()
  }

  /** Ends all that is left of it when its time is over. */
  async #killLate(): Promise<void> {
    const { killAfterMs } = this.#deps
    if (killAfterMs === undefined) return
    this.#isTerminating = true
    await this.#pause(killAfterMs)
    if (this.#end !== undefined) return
    this.#tree.refresh()
    for (const pid of this.#tree.pids) kill(pid)
  }

  /** Shorter where it ends meanwhile. */
  #pause(ms: number): Promise<void> {
    return this.#deps.clock.sleep(ms, this.#ended.signal).catch(() => {}) // it has ended
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended, or is another user's
  }
}
