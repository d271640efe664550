import { Dir, diskFiles, type HostOptions, type OpenHost, type Program } from '../../host/index.ts'
import { type Clock, withTimeout } from '../../util/clock.ts'
import { type Log, report } from '../../util/log.ts'
import { hardwareMessages as messages } from '../messages.ts'
import type { CycleLimits, EnabledCollector } from '../types.ts'
import { type Answer, HelperPool, NoAnswer } from './helper-pool.ts'
import { isFast, Placement } from './placement.ts'
import { noRead, plainOptions, type SlowestRead } from './protocol.ts'
import { runDelayMs } from './run-delay.ts'
import { startTrial, type Trial } from './trial.ts'

/** A trial must end in this time; milliseconds. */
const trialMs = 250
/** After this time without an answer of one collector, a second helper process starts. Also a fourth of the deadline. */
const patienceMs = 500
/** A collector that has run for this part of the deadline without an answer is at fault, and not the start of its helper. */
const partOfDeadline = 0.5
/** Maximum time for answers after a stop. */
const stopMs = 1000

export type { Answer }

/** How collectors that read hardware are kept from blocking this process. */
export interface HardwareProtection {
  /** The helper process. */
  readonly program: Program
  /**
   * How a collector first runs. `helper`: in a helper process. `trial`: a shell reads its files; it runs in this process if
   * they answer at once, and otherwise in a helper process.
   */
  readonly first: 'helper' | 'trial'
  /** A trial of all collectors that has already started. */
  readonly trial?: Trial | undefined
}

/** Starts a trial before the collection, so that a short command need not wait for it. Undefined if there is no such hardware. */
export function startHardwareTrial(enabled: readonly EnabledCollector[], { paths }: HostOptions): Trial | undefined {
  const sys = new Dir(diskFiles(paths.sysfs), paths.sysfs)
  const present = enabled.filter(({ collector: { name, hardware } }) => new Placement(name, hardware).hasAppeared(sys))
  if (present.length === 0) return undefined
  return startTrial(
    paths.sysfs,
    present.flatMap(({ collector }) => collector.hardware),
  )
}

interface Deps {
  readonly host: Pick<OpenHost, 'sys' | 'self' | 'observedSys'>
  readonly clock: Clock
  readonly log: Log
  /** Time for the answers of a collection. */
  readonly deadlineMs: number
  readonly protection: HardwareProtection
}

/** Runs the collectors that read hardware in a helper process until their files have proved fast. */
export class Hardware {
  /** Sysfs for collectors that run in this process. */
  readonly sys: Dir
  readonly #deps: Deps
  readonly #sysfs: string
  readonly #placements: ReadonlyMap<string, Placement>
  readonly #pool: HelperPool
  readonly #answers = new Map<string, Promise<Answer>>()
  readonly #reported = new Set<string>()
  #slowest: SlowestRead = noRead
  #given: Trial | undefined
  #trial: (Trial & { readonly of: readonly Placement[] }) | undefined
  #now = 0
  #cancelDeadline = () => {}
  #stopped = () => {}

  constructor(enabled: readonly EnabledCollector[], options: HostOptions, deps: Deps) {
    const own = enabled.filter(({ collector }) => collector.hardware.length > 0)
    const { clock, deadlineMs, host, protection } = deps
    this.#deps = deps
    this.#given = deps.protection.trial
    this.#sysfs = options.paths.sysfs
    this.#placements = new Map(own.map(({ collector: { name, hardware } }) => [name, new Placement(name, hardware)]))
    const { paths, timezone, busAddress } = options
    const collectors = own.map(({ collector, options }) => [collector.name, plainOptions(collector, options)] as const)
    this.#pool = new HelperPool({
      ...{ clock, program: protection.program },
      setup: { host: { paths, timezone, busAddress }, collectors },
      patienceMs: Math.min(patienceMs, deadlineMs / 4),
      giveUpMs: deadlineMs * partOfDeadline,
    })
    this.sys = host.observedSys({
      after: (file, ms) => {
        if (ms > this.#slowest.ms) this.#slowest = { ms, file }
      },
    })
  }

  /** Starts a collection: helper processes begin to work. */
  begin(now: number, { stop, withinMs = Number.POSITIVE_INFINITY }: CycleLimits): void {
    const { clock, host, deadlineMs, protection } = this.#deps
    this.#now = now
    const appeared = [...this.#placements.values()].filter((one) => one.hasAppeared(host.sys))
    for (const one of appeared) one.moveTo('helper')
    if (protection.first === 'trial' && appeared.length > 0) {
      this.#trial = {
        ...(this.#given ??
          startTrial(
            this.#sysfs,
            appeared.flatMap(({ patterns }) => patterns),
          )),
        of: appeared,
      }
      this.#given = undefined
    } else this.#request()
    const endMs = clock.monotonicMs() + Math.min(deadlineMs, withinMs)
    const expire = (ms: number) => {
      const leftMs = Math.max(0, Math.min(ms, endMs - clock.monotonicMs()))
      this.#cancelDeadline()
      this.#cancelDeadline = clock.timer(leftMs, () => this.#pool.expire())
    }
    const onStop = () => expire(stopMs)
    if (stop?.aborted) onStop()
    else expire(deadlineMs)
    stop?.addEventListener('abort', onStop, { once: true })
    this.#stopped = () => stop?.removeEventListener('abort', onStop)
  }

  /** Resolves when it is known where each collector runs in this collection; undefined if it is known already. */
  ready(): Promise<void> | undefined {
    return this.#trial === undefined ? undefined : this.#endTrial(this.#trial.of, this.#trial)
  }

  /** The answer of a collector that runs in a helper process; undefined if it runs in this process. */
  answerOf(name: string): Promise<Answer> | undefined {
    return this.#answers.get(name)
  }

  /** Observes a run in this process. */
  here<Run extends { readonly seconds: number }>(name: string, run: () => Run): Run {
    const placement = this.#placements.get(name)
    if (placement?.place !== 'here') return run()
    const { self } = this.#deps.host
    this.#slowest = noRead
    const delayMs = runDelayMs(self)
    const result = run()
    const wasFast = () => isFast(this.#slowest, result.seconds, runDelayMs(self) - delayMs)
    if (!isFast(this.#slowest, result.seconds) && !wasFast()) this.#moveToHelper(placement)
    return result
  }

  #moveToHelper(placement: Placement): void {
    const { name } = placement
    placement.moveTo('helper')
    if (this.#reported.has(name)) return
    this.#reported.add(name)
    const slowest = this.#slowest
    const fields = { collector: name, file: slowest.file, read: `${Math.round(slowest.ms)}ms` }
    report(this.#deps.log, messages.moved, fields)
  }

  /** Ends a collection, when each collector has answered or failed. */
  end(): void {
    this.#cancelDeadline()
    this.#stopped()
    this.#pool.expire()
    this.#answers.clear()
    const isNeeded = [...this.#placements.values()].some((one) => one.place === 'helper' && one.failures === 0)
    if (isNeeded) this.#pool.prepare()
    else this.#pool.end()
    this.sys.endCycle()
  }

  close(): void {
    this.#cancelDeadline()
    this.#stopped()
    this.#trial?.end()
    this.#given?.end()
    this.#pool.close()
  }

  async #endTrial(tried: readonly Placement[], trial: Trial): Promise<void> {
    const hasAnswered = await withTimeout(this.#deps.clock, trialMs, trial.ended)
    this.#trial = undefined
    trial.end()
    if (hasAnswered === true) for (const one of tried) one.moveTo('here')
    this.#request()
  }

  /** Requests the answers of this collection; the collectors that failed before come last. */
  #request(): void {
    const { clock } = this.#deps
    const apart = [...this.#placements.values()].filter(({ place }) => place === 'helper')
    for (const one of apart.sort((left, right) => left.failures - right.failures)) {
      const { name, problem } = one
      if (problem !== undefined && clock.monotonicMs() < problem.untilMs) {
        this.#keep(name, Promise.reject(problem.error))
        continue
      }
      this.#keep(name, this.#ask(one))
    }
  }

  async #ask(placement: Placement): Promise<Answer> {
    try {
      const answer = await this.#pool.run(placement.name, this.#now)
      placement.answered(isFast(answer.slowest, answer.seconds, answer.delayMs))
      return answer
    } catch (error) {
      if (error instanceof NoAnswer && error.isAtFault) placement.failed(error, this.#deps.clock.monotonicMs())
      throw error
    }
  }

  #keep(name: string, answer: Promise<Answer>): void {
    answer.catch(() => {}) // the cycle handles it
    this.#answers.set(name, answer)
  }
}
