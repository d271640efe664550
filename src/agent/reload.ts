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
  'Whether the last configuration reload was successful.',
)
const successTime = gauge(
  'hostpush_config_last_reload_success_timestamp_seconds',
  'Time of the last successful configuration reload, in seconds since the epoch.',
)

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly notify: Notify
  /** Reads and checks the whole configuration; throws ConfigError. */
  readonly reread: () => Promise<Config>
  /** Switches to the configuration. If it throws, nothing has changed. */
  readonly apply: (config: Config) => Promise<void>
}

/** Reloads the configuration, one reload at a time. A reload is atomic: after an error the previous configuration stays. */
export class Reload {
  readonly #deps: Deps
  #last: Promise<readonly string[]> = Promise.resolve([])
  /** The reload that starts when the current one ends; all requests until then share it. */
  #next: Promise<readonly string[]> | undefined
  #isSuccessful = true
  #successMs: number

  constructor(deps: Deps) {
    this.#deps = deps
    this.#successMs = deps.clock.now()
  }

  readonly families: SelfMetrics = (emit) => {
    emit(successful, this.#isSuccessful ? 1 : 0)
    emit(successTime, this.#successMs / 1000)
  }

  /** Resolves to the problems of the new configuration; to an empty list if it is in effect. Does not reject. */
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
      this.#isSuccessful = true
      this.#successMs = clock.now()
      report(log, messages.reloaded)
      logWarnings(config, log)
      return []
    } catch (error) {
      this.#isSuccessful = false
      const problems = error instanceof ConfigError ? error.problems : [messageOf(error)]
      for (const problem of problems) report(log, messages.reloadFailed, { problem })
      return problems
    } finally {
      notify('READY=1')
    }
  }
}

/** Logs the configuration's warnings: at the start and after each reload. */
export function logWarnings({ warnings }: Pick<Config, 'warnings'>, log: Log): void {
  for (const warning of warnings) report(log, messages.configurationWarning, { warning })
}

/** One problem for each difference that a reload cannot apply, because the part is opened only at the start. */
export function needsRestart(before: Config, after: Config): readonly string[] {
  const parts = ['buffer', 'web', 'log'] as const
  const changed = parts.filter((part) => JSON.stringify(before[part]) !== JSON.stringify(after[part]))
  const first = haveBacklog(before.outputs) ? undefined : after.outputs.find(({ kind }) => kind.delivers === 'every')
  return [
    ...changed.map((part) => `${part}: has changed: restart the agent to apply it`),
    ...(first
      ? [`${first.kind.kind}: the first endpoint requires a restart of the agent, because it needs a buffer`]
      : []),
  ]
}
