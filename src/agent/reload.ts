import type { SelfMetrics } from '../collect/index.ts'
import { ConfigError } from '../config/error.ts'
import type { Config } from '../config/index.ts'
import { monotonicMicroseconds, type Notify } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'
import { haveBacklog } from '../output.ts'
import type { Clock } from '../util/clock.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { messages } from './messages.ts'

const successful = gauge(
  'hostpush_config_last_reload_successful',
  'Whether the configuration was taken when it was last read.',
)
const successTime = gauge(
  'hostpush_config_last_reload_success_timestamp_seconds',
  'When a configuration was last taken.',
)

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly notify: Notify
  /** Reads and checks the whole configuration; throws ConfigError. */
  readonly reread: () => Promise<Config>
  /** Goes over to it, whole, or throws and has changed nothing. */
  readonly apply: (config: Config) => Promise<void>
}

/** Takes a new configuration whole or not at all; one after another. */
export class Reload {
  readonly #deps: Deps
  #last: Promise<readonly string[]> = Promise.resolve([])
  /** The one that waits for the last to end. */
  #next: Promise<readonly string[]> | undefined
  #isWell = true
  #takenMs: number

  constructor(deps: Deps) {
    this.#deps = deps
    this.#takenMs = deps.clock.now()
  }

  readonly families: SelfMetrics = (emit) => {
    emit(successful, this.#isWell ? 1 : 0)
    emit(successTime, this.#takenMs / 1000)
  }

  /**
   * Gives what is wrong with it; where anything is, the configuration before goes on. All who ask before it begins to
   * read get the same.
   */
  reload(): Promise<readonly string[]> {
    this.#next ??= this.#last.then(() => {
      this.#next = undefined
      return this.#reload()
    })
    this.#last = this.#next
    return this.#last
  }

  async #reload(): Promise<readonly string[]> {
    const { clock, log, notify, reread, apply } = this.#deps
    notify('RELOADING=1', `MONOTONIC_USEC=${monotonicMicroseconds()}`)
    try {
      const config = await reread()
      await apply(config)
      this.#isWell = true
      this.#takenMs = clock.now()
      report(log, messages.reloaded)
      logWarnings(config, log)
      return []
    } catch (error) {
      this.#isWell = false
      const problems = error instanceof ConfigError ? error.problems : [messageOf(error)]
      for (const problem of problems) report(log, messages.reloadFailed, { problem })
      return problems
    } finally {
      notify('READY=1')
    }
  }
}

/** At the start and after each reload. */
export function logWarnings({ warnings }: Pick<Config, 'warnings'>, log: Log): void {
  for (const warning of warnings) report(log, messages.configurationWarning, { warning })
}

/** Parts that are opened once: a new configuration in which they differ takes a restart. */
export function needsRestart(before: Config, after: Config): readonly string[] {
  const parts = ['buffer', 'web', 'log'] as const
  const changed = parts.filter((part) => JSON.stringify(before[part]) !== JSON.stringify(after[part]))
  const first = haveBacklog(before.outputs) ? undefined : after.outputs.find(({ kind }) => kind.delivers === 'every')
  return [
    ...changed.map((part) => `${part}: has changed, which takes a restart`),
    ...(first ? [`${first.kind.kind}: the first endpoint takes a restart, as the buffer is opened for it`] : []),
  ]
}
