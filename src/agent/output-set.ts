import type { OutputDeps } from '../batch/open-outputs.ts'
import { familiesOf } from '../buffer/metrics.ts'
import type { Buffer } from '../buffer/types.ts'
import type { Emit } from '../collector.ts'
import type { Config } from '../config/index.ts'
import type { Sender } from '../http/types.ts'
import type { Undelivered } from '../output.ts'
import { Gateway } from '../pushgateway/index.ts'
import { emitGateway } from '../pushgateway/metrics.ts'
import type { GatewayOptions } from '../pushgateway/options.ts'
import { Endpoint, type EndpointOptions } from '../remote-write/index.ts'
import { emitEndpoint, emitStorage } from '../remote-write/metrics.ts'
import { createDeadline } from '../util/deadline.ts'
import { userAgent } from '../util/version.ts'

interface Deps extends OutputDeps {
  readonly buffer: Buffer
  /** Takes the time that a receiver tells, milliseconds since the epoch. */
  readonly onTime: (receiverMs: number) => void
  /** The wall clock of this host has stepped since the start. */
  readonly hasStepped: () => boolean
}

type OutputOptions = Pick<Config, 'remoteWrite' | 'pushgateways'>

/** An output as the configuration has it, which is there already or has its connection. */
type Ready<Options, Output> = { readonly kept: Output } | { readonly options: Options; readonly sender: Sender }

/** What a gateway that is no longer wanted may take to push or delete what it was told to. */
const detachMs = 5000

/** All that is sent to, as the configuration has it: which may change. */
export class OutputSet {
  endpoints: readonly Endpoint[] = []
  gateways: readonly Gateway[] = []
  readonly #deps: Deps

  constructor(deps: Deps) {
    this.#deps = deps
  }

  get all(): readonly (Endpoint | Gateway)[] {
    return [...this.endpoints, ...this.gateways]
  }

  /**
   * Opens what a configuration needs beyond what there is. Rejects where that cannot be, and nothing has changed; it has
   * when the function that it gives is called. An output that was configured with the same words goes on as it is; of one
   * that changes, or goes, what waits stays in the buffer, and what is in flight counts as uncertain. One that is held, or
   * waits for another attempt, tries at once: a token in a file may have been put right.
   */
  async prepare({ remoteWrite, pushgateways }: OutputOptions): Promise<() => Promise<void>> {
    const opened: Sender[] = []
    try {
      const endpoints = await this.#ready(remoteWrite, this.endpoints, opened)
      const gateways = await this.#ready(pushgateways, this.gateways, opened)
      return () => this.#change(endpoints, gateways)
    } catch (error) {
      await Promise.all(opened.map((sender) => sender.destroy()))
      throw error
    }
  }

  /** The numbers of all of them. */
  emit(emit: Emit): void {
    const { buffer, clock } = this.#deps
    const reports = this.endpoints.map(({ report }) => report)
    emitStorage(emit, reports, buffer.stats.appendedSamples)
    for (const report of reports) emitEndpoint(emit, report, clock.now())
    for (const { report } of this.gateways) emitGateway(emit, report)
    const urls = new Map(reports.map(({ name, url }) => [name, url]))
    for (const [family, value, labels] of familiesOf(buffer, urls)) emit(family, value, labels ?? {})
  }

  /** Those that have not got all. */
  get undelivered(): readonly Undelivered[] {
    const endpoints = this.endpoints.map((one) => ({ one, snapshots: one.report.backlog.snapshots, isBuffered: true }))
    const gateways = this.gateways.map((one) => ({ one, snapshots: one.report.pending, isBuffered: false }))
    return [...endpoints, ...gateways]
      .filter(({ snapshots }) => snapshots > 0)
      .map(({ one: { report, problem, waiting }, ...rest }) => {
        const reason = problem ?? waiting
        return { name: report.name, url: report.url, ...rest, ...(reason !== undefined && { reason }) }
      })
  }

  /** How they fare, in one line. */
  get status(): string {
    const ill = this.all.filter(({ problem }) => problem !== undefined)
    return ill.length === 0 ? 'delivering' : ill.map(({ name, problem }) => `${name}: ${problem}`).join('; ')
  }

  #ready<Options extends EndpointOptions | GatewayOptions, Output extends Endpoint | Gateway>(
    wanted: readonly Options[],
    there: readonly Output[],
    opened: Sender[],
  ): Promise<readonly Ready<Options, Output>[]> {
    const { connect, clock } = this.#deps
    return Promise.all(
      wanted.map(async (options) => {
        const kept = there.find(({ digest }) => digest !== undefined && digest === options.digest)
        if (kept !== undefined) return { kept }
        const sender = await connect(options.url.origin, options.access, clock)
        opened.push(sender)
        return { options, sender }
      }),
    )
  }

  async #change(
    endpoints: readonly Ready<EndpointOptions, Endpoint>[],
    gateways: readonly Ready<GatewayOptions, Gateway>[],
  ): Promise<void> {
    const { buffer, clock, log, onTime, hasStepped } = this.#deps
    const before = this.endpoints
    const wanted = [...endpoints, ...gateways]
    const isKept = (one: Endpoint | Gateway) => wanted.some((ready) => 'kept' in ready && ready.kept === one)
    const isChanged = (one: Gateway) => gateways.some((ready) => 'options' in ready && ready.options.name === one.name)
    const leaving = createDeadline(clock, detachMs)
    const now = AbortSignal.abort(new Error('the configuration has changed'))
    await Promise.all([
      ...before.filter((one) => !isKept(one)).map((one) => one.stop(now)),
      ...this.gateways.filter((one) => !isKept(one)).map((one) => one.stop(isChanged(one) ? now : leaving.signal)),
    ])
    leaving.clear()
    this.endpoints = endpoints.map((ready) => {
      if ('kept' in ready) return ready.kept
      const { options, sender } = ready
      const stats = before.find(({ name }) => name === options.name)?.stats
      const cursor = buffer.cursor(options.name, options.sampling)
      const deps = { clock, log, cursor, sender, userAgent, onTime, hasStepped, ...(stats && { stats }) }
      return new Endpoint(options, deps)
    })
    this.gateways = gateways.map((ready) =>
      'kept' in ready
        ? ready.kept
        : new Gateway(ready.options, { clock, log, sender: ready.sender, userAgent, onTime }),
    )
    const names = new Set(this.endpoints.map(({ name }) => name))
    for (const { name } of before) if (!names.has(name)) buffer.detach(name)
    for (const one of this.all) one.retry()
  }
}
