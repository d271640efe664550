import { NoData } from '../../collector.ts'
import { HelperProcess, type Program } from '../../host/index.ts'
import type { Clock } from '../../util/clock.ts'
import { beforeRead, type Reply, type Sample, SampleReader, type Setup, type SlowestRead } from './protocol.ts'

/** Maximum number of helper processes, hanging ones included. */
const maxHelpers = 2
/** A helper that does not work after this time is killed. */
const startMs = 30_000

/** What a collector returned in a helper process. */
export interface Answer {
  readonly samples: readonly Sample[]
  readonly warnings: readonly string[]
  readonly error: Error | undefined
  readonly seconds: number
  readonly slowest: SlowestRead
  readonly delayMs: number
}

const starting = 'not run, because the helper process has not started yet'

const behind = (names: readonly string[]): string => `not run, because helper processes hang in ${names.join(' and ')}`

const noAnswerFrom = (file: string | undefined): string =>
  `no answer in time${file === undefined ? '' : ` from ${file}`}`

/** Thrown if a collector has not answered. `isAtFault`: it was running, and did not only wait for another one. */
export class NoAnswer extends Error {
  readonly isAtFault: boolean
  constructor(message: string, isAtFault: boolean) {
    super(message)
    this.isAtFault = isAtFault
  }
}

interface Job extends PromiseWithResolvers<Answer> {
  readonly name: string
  readonly now: number
  /** Its interval has ended: nothing waits for the answer. */
  isExpired: boolean
}

interface Helper {
  readonly child: HelperProcess
  readonly samples: SampleReader
  readonly startedMs: number
  job: Job | undefined
  /** When its present job began, monotonic milliseconds; undefined while it starts. */
  activeMs: number | undefined
  /** The collector that it runs, also after the end of its interval, and the file that it reads. */
  runs: string | undefined
  file: string | undefined
  /** It is killed, and has not ended yet. */
  isAbandoned: boolean
}

interface Deps {
  readonly clock: Clock
  readonly program: Program
  readonly setup: Setup
  /** After this time without an answer of one collector, a second helper runs those that wait behind it. */
  readonly patienceMs: number
  /** A helper that has run one collector for this time at the end of an interval is killed. */
  readonly giveUpMs: number
}

/**
 * Helper processes that run collectors. One is enough, unless a collector takes long: a second one then runs the others. A
 * helper that has not answered at the deadline is killed. If that has no effect, because it hangs in a system call, it is
 * left alone, and counts until it has ended.
 */
export class HelperPool {
  readonly #deps: Deps
  readonly #helpers = new Set<Helper>()
  #jobs: Job[] = []
  #cancelTimer = () => {}

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /**
   * Runs a collector after the earlier ones. Rejects with NoAnswer; at once while a helper still hangs in this collector,
   * because a second one would hang too, and while all helpers hang.
   */
  run(name: string, now: number): Promise<Answer> {
    const hanging = [...this.#helpers].filter(({ isAbandoned, job }) => isAbandoned || job?.isExpired === true)
    const own = hanging.find(({ runs, activeMs }) => runs === name && activeMs !== undefined)
    if (own !== undefined) return Promise.reject(new NoAnswer(noAnswerFrom(own.file), false))
    if (hanging.filter(({ isAbandoned }) => isAbandoned).length >= maxHelpers)
      return Promise.reject(new NoAnswer(behind(hanging.map(({ runs }) => runs ?? 'their start')), false))
    const job = { name, now, isExpired: false, ...Promise.withResolvers<Answer>() }
    this.#jobs.push(job)
    this.#assign()
    return job.promise
  }

  /** Starts a helper if none is idle, so that it is ready in the next interval. */
  prepare(): void {
    const isReady = (one: Helper) => !one.isAbandoned && (one.job === undefined || this.#isStarting(one))
    if (this.#helpers.size < maxHelpers && ![...this.#helpers].some(isReady)) this.#start()
  }

  /**
   * Ends an interval: every collector without an answer fails. A helper that has run one for `minMs` is killed; otherwise it
   * may finish, and its answer is dropped.
   */
  expire(minMs = this.#deps.giveUpMs): void {
    this.#cancelTimer()
    const nowMs = this.#deps.clock.monotonicMs()
    const busy: string[] = []
    for (const helper of this.#helpers) {
      const { job } = helper
      if (job === undefined) continue
      const isStarting = this.#isStarting(helper)
      if (!isStarting) busy.push(job.name)
      const isAtFault = !isStarting && nowMs - (helper.activeMs ?? helper.startedMs) >= minMs
      const error = new NoAnswer(isStarting ? starting : noAnswerFrom(helper.file), isAtFault)
      for (const one of [job, ...this.#jobs.filter(({ name }) => name === job.name)]) one.reject(error)
      this.#jobs = this.#jobs.filter(({ name }) => name !== job.name)
      job.isExpired = true
      if (!isAtFault) continue
      helper.job = undefined
      this.#abandon(helper)
    }
    const why = busy.length === 0 ? starting : behind(busy)
    for (const job of this.#jobs.splice(0)) job.reject(new NoAnswer(why, false))
    this.#keepOne()
  }

  #isStarting({ startedMs, activeMs }: Helper): boolean {
    return activeMs === undefined && this.#deps.clock.monotonicMs() - startedMs < startMs
  }

  /** Ends the idle helpers. */
  end(): void {
    for (const helper of this.#helpers) if (helper.job === undefined) this.#abandon(helper)
  }

  close(): void {
    this.expire(0)
    for (const helper of this.#helpers) this.#abandon(helper)
  }

  /** Number of helper processes, those that hang included. */
  get size(): number {
    return this.#helpers.size
  }

  #assign(): void {
    this.#cancelTimer()
    for (const helper of this.#helpers) if (helper.job === undefined && !helper.isAbandoned) this.#give(helper)
    if (this.#jobs.length === 0 || this.#helpers.size >= maxHelpers) return
    const waitMs = this.#longestWait()
    if (waitMs <= 0) this.#give(this.#start())
    this.#cancelTimer = this.#deps.clock.timer(Math.max(waitMs, 1), () => this.#assign())
  }

  /** Milliseconds until a second helper is worth its start; 0 if there is none that works. */
  #longestWait(): number {
    const { clock, patienceMs } = this.#deps
    const working = [...this.#helpers].filter((one) => !one.isAbandoned)
    if (working.length === 0) return 0
    // a helper that still starts is not slow
    const since = working.map(({ activeMs }) => activeMs ?? clock.monotonicMs())
    return Math.max(...since) + patienceMs - clock.monotonicMs()
  }

  #give(helper: Helper): void {
    const job = this.#jobs.shift()
    if (job === undefined) return
    helper.job = job
    helper.runs = job.name
    helper.file = undefined
    helper.child.send(JSON.stringify({ run: job.name, now: job.now }))
  }

  #start(): Helper {
    const { program, setup } = this.#deps
    const child = new HelperProcess(program, {
      line: (text) => this.#heard(helper, text),
      gone: (why) => this.#gone(helper, why),
    })
    const helper: Helper = {
      ...{ child, samples: new SampleReader(), startedMs: this.#deps.clock.monotonicMs() },
      ...{ job: undefined, activeMs: undefined, runs: undefined, file: undefined, isAbandoned: false },
    }
    this.#helpers.add(helper)
    child.send(JSON.stringify(setup))
    return helper
  }

  #heard(helper: Helper, line: string): void {
    const nowMs = this.#deps.clock.monotonicMs()
    if (line.startsWith(beforeRead)) {
      helper.activeMs ??= nowMs
      helper.file = line.slice(beforeRead.length)
      return
    }
    const reply = JSON.parse(line) as Reply
    const { job } = helper
    helper.activeMs = nowMs
    helper.job = undefined
    helper.runs = undefined
    const answer = answerOf(reply, helper.samples)
    if (job?.isExpired === false) job.resolve(answer)
    this.#assign()
  }

  #gone(helper: Helper, why: string): void {
    this.#helpers.delete(helper)
    const lost = helper.job === undefined || helper.job.isExpired ? [] : [helper.job]
    helper.job = undefined
    // a helper that never worked cannot be replaced by one that does
    if (helper.activeMs === undefined && !helper.isAbandoned) lost.push(...this.#jobs.splice(0))
    for (const job of lost) job.reject(new NoAnswer(`the helper process failed: ${why}`, true))
    this.#assign()
  }

  #abandon(helper: Helper): void {
    helper.isAbandoned = true
    helper.child.kill()
  }

  /** Ends an interval for the idle helpers, and ends all of them but one. */
  #keepOne(): void {
    const [kept, ...spare] = [...this.#helpers].filter((one) => !one.isAbandoned)
    for (const helper of spare) if (helper.job === undefined) this.#abandon(helper)
    kept?.child.send(JSON.stringify({ endsInterval: true }))
  }
}

function answerOf(reply: Reply, reader: SampleReader): Answer {
  const { warnings, error, seconds, slowest, delayMs } = reply
  const failure = error && (error.isNoData ? new NoData(error.text) : new Error(error.text))
  return { samples: reader.read(reply), warnings, error: failure, seconds, slowest, delayMs }
}
