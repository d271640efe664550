import { type Buffer, familiesOf } from '../buffer/index.ts'

import type { Emit } from '../collector.ts'
import type { Sender } from '../http/index.ts'
import {
  type ConfiguredOutput,
  connectOutput,
  cursorNameOf,
  type Output,
  type OutputDeps,
  type SendDeps,
  type Undelivered,
} from '../output.ts'
import { createDeadline } from '../util/deadline.ts'

interface Deps extends SendDeps, Required<Pick<OutputDeps, 'hasStepped'>> {
  /** Called with the time of the receiver `name`, milliseconds since the epoch. */
  readonly onTime: (receiverMs: number, name: string) => void

  readonly buffer: Buffer
}

/** A running output and its configuration. */
interface Running {
  readonly configured: ConfiguredOutput
  readonly output: Output
}

/** An output of a new configuration: already running and unchanged, or connected and ready to start. */
type Prepared =
  | { readonly kept: Running }
  | { readonly configured: ConfiguredOutput; start(rest: Parameters<Connected['start']>[0]): Output }
type Connected = Awaited<ReturnType<typeof connectOutput>>

/** Time for a removed output without a backlog to deliver its newest snapshot or to delete its group. */
const detachMs = 5000

/** The outputs of the current configuration. A reload replaces those that changed. */
export class OutputSet {
  #running: readonly Running[] = []
  readonly #deps: Deps

  constructor(deps: Deps) {
    this.#deps = deps
  }

  get all(): readonly Output[] {
    return this.#running.map(({ output }) => output)
  }

  /**
   * Connects the outputs that are new in a configuration. Rejects if that fails; nothing has changed then. The function
   * that it resolves to makes the change. An output with an equal digest keeps running. The backlog of an output that is
   * changed or removed stays in the buffer, and its range in flight counts as uncertain. Every output that is paused or
   * waits for its next attempt retries at once, because a token file may have been repaired.
   */
  async prepare({ outputs }: { readonly outputs: readonly ConfiguredOutput[] }): Promise<() => Promise<void>> {
    const opened: Sender[] = []
    try {
      const prepared = await Promise.all(outputs.map((configured) => this.#prepared(configured, opened)))
      return () => this.#change(prepared)
    } catch (error) {
      await Promise.all(opened.map((sender) => sender.destroy()))
      throw error
    }
  }

  /** Emits the self metrics of all outputs and of the buffer. */
  emit(emit: Emit): void {
    const { buffer, clock } = this.#deps
    const context = { nowMs: clock.now(), appendedSamples: buffer.stats.appendedSamples }
    for (const [kind, running] of Map.groupBy(this.#running, ({ configured }) => configured.kind))
      kind.selfMetrics(
        emit,
        running.map(({ output }) => output),
        context,
      )
    const withBacklog = this.#running.filter(hasBacklog)
    const urls = new Map(withBacklog.map(({ configured, output }) => [cursorNameOf(configured), output.report.url]))
    for (const [family, value, labels] of familiesOf(buffer, urls)) emit(family, value, labels ?? {})
  }

  /** The outputs that have not delivered everything. */
  get undelivered(): readonly Undelivered[] {
    return this.#running.flatMap((one) => {
      const { name, url, pending, problem, waiting } = one.output.report
      const reason = problem ?? waiting
      if (pending === 0) return []
      return [{ name, url, snapshots: pending, isBuffered: hasBacklog(one), ...(reason !== undefined && { reason }) }]
    })
  }

  /** The state of all outputs in one line. */
  get status(): string {
    const reports = this.all.map(({ report }) => report).filter(({ problem }) => problem !== undefined)
    return reports.length === 0 ? 'delivering' : reports.map(({ name, problem }) => `${name}: ${problem}`).join('; ')
  }

  /** Samples that have no valid timestamp will not be delivered to any output. */
  dropUndated(samples: number): void {
    for (const output of this.all) output.dropUndated(samples)
  }

  async #prepared(configured: ConfiguredOutput, opened: Sender[]): Promise<Prepared> {
    const { digest } = configured.options
    const kept = this.#running.find((one) => digest !== undefined && one.configured.options.digest === digest)
    if (kept !== undefined) return { kept }
    const { sender, start } = await connectOutput(configured, this.#deps)
    opened.push(sender)
    return { configured, start }
  }

  async #change(prepared: readonly Prepared[]): Promise<void> {
    const { buffer, hasStepped } = this.#deps
    const before = this.#running
    const names = new Set(prepared.map((one) => cursorNameOf('kept' in one ? one.kept.configured : one.configured)))
    await this.#stopRemoved(prepared, names)
    this.#running = prepared.map((one) => {
      if ('kept' in one) return one.kept
      const { configured, start } = one
      const name = cursorNameOf(configured)
      const previous = before.find((other) => cursorNameOf(other.configured) === name)?.output
      const cursor = hasBacklog(one) ? buffer.cursor(name, configured.options.sampling) : undefined
      const onTime = (receiverMs: number) => this.#deps.onTime(receiverMs, name)
      return { configured, output: start({ onTime, hasStepped, previous, ...(cursor && { cursor }) }) }
    })
    for (const one of before.filter(hasBacklog)) {
      const name = cursorNameOf(one.configured)
      if (!names.has(name)) buffer.detach(name)
    }
    for (const output of this.all) output.retry()
  }

  async #stopRemoved(prepared: readonly Prepared[], names: ReadonlySet<string>): Promise<void> {
    const leaving = createDeadline(this.#deps.clock, detachMs)
    const now = AbortSignal.abort(new Error('the configuration has changed'))
    const removed = this.#running.filter((one) => !prepared.some((next) => 'kept' in next && next.kept === one))
    const deadlineOf = (one: Running) =>
      hasBacklog(one) || names.has(cursorNameOf(one.configured)) ? now : leaving.signal
    await Promise.all(removed.map((one) => one.output.stop(deadlineOf(one))))
    leaving.clear()
  }
}

const hasBacklog = ({ configured: { kind } }: { readonly configured: ConfiguredOutput }): boolean =>
  kind.delivers === 'every'
