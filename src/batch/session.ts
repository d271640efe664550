import { DiskBuffer } from '../buffer/disk-buffer.ts'
import { enterQueue, type QueueTicket } from '../buffer/lock/fifo-queue.ts'
import { turns, turnsIn } from '../buffer/paths.ts'
import type { Buffer, Cursor } from '../buffer/types.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import type { Gateway } from '../pushgateway/index.ts'
import type { Endpoint } from '../remote-write/index.ts'
import { createDeadline } from '../util/deadline.ts'
import { messageOf } from '../util/log.ts'
import type { BatchRun, FinalSnapshots } from './index.ts'
import { openEndpoints, openGateways } from './open-outputs.ts'
import { type DeliveryResult, endpointResult, gatewayResult } from './result.ts'
import { groupOf, saveRejectedByGateway } from './routes.ts'
import { gatewayCursor, type RunManifest, removeRun, writeManifest } from './run-log.ts'
import { type RunConfig, Spool, type SpoolDeps } from './spool.ts'
import { remainderOf } from './spool-logs.ts'

/** How long an output that has not got what was left is let be before it is tried again, and how long at a time. */
const retryDelayMs = 10_000
const attemptMs = 2000

interface SessionParts {
  readonly config: RunConfig
  readonly deps: SpoolDeps
  readonly buffer: Buffer
  readonly manifest: RunManifest
}

/** What an output may be opened with. */
interface OpenOptions {
  readonly deadline: AbortSignal
  readonly spool: Spool | undefined
  /** At the end nothing is asked that the samples do not need. */
  readonly isShortLived?: boolean
}

export class BatchSession implements BatchRun {
  readonly #parts: SessionParts
  /** These three by the name in the log. */
  readonly #cursors: ReadonlyMap<string, Cursor>
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #gateways = new Map<string, Gateway>()
  readonly #ending = new AbortController()
  #working: Promise<void> = Promise.resolve()
  /** By the name in the log, the outputs that have not got what was left before, and why. */
  readonly #undelivered = new Map<string, string>()
  /** For the end. */
  #ticket: Promise<QueueTicket | undefined> | undefined
  #newest: Snapshot | undefined
  #sequence = 0

  constructor(parts: SessionParts) {
    const { buffer, config } = parts
    this.#parts = parts
    this.#cursors = new Map([
      ...config.remoteWrite.map(({ name, sampling }) => [name, buffer.cursor(name, sampling)] as const),
      ...config.pushgateways.map(({ name }) => [gatewayCursor(name), buffer.cursor(gatewayCursor(name))] as const),
    ])
  }

  begin(): void {
    const { log } = this.#parts.deps
    const spool = this.#openSpool()
    const advance = (name: string) =>
      this.#openWhenDrained(name, spool).catch((error) =>
        log.error('run: what was left cannot be read', { err: messageOf(error) }),
      )
    this.#working = Promise.all(this.#names.map(advance)).then(() => {})
  }

  append(snapshot: Snapshot): void {
    this.#add(snapshot)
    for (const gateway of this.#gateways.values()) gateway.onSnapshot({ snapshot })
  }

  async queue(): Promise<void> {
    this.#ticket ??= this.#queue([turns.append, ...this.#names.map(turns.at)])
    await this.#ticket
  }

  async finish(last: () => Promise<FinalSnapshots>, deadline: AbortSignal): Promise<readonly DeliveryResult[]> {
    this.#ending.abort(new Error('the command is ending'))
    await this.#working
    await this.queue()
    const place = await this.#ticket
    try {
      await place?.waitFor(turns.append, deadline)
      await this.#addLast(last)
      place?.release(turns.append)
      const opening = { deadline, spool: this.#openSpool(), isShortLived: true }
      const end = async (name: string) => {
        if (!this.#isOpen(name)) await this.#openInTurn(name, place, opening)
        await this.#stop(name, deadline)
        if (await this.#isDelivered(name)) place?.release(turns.at(name)) // else the next one there has to see the log
      }
      await Promise.all(this.#names.map(end))
      await opening.spool?.expire(deadline)
      return await this.#close()
    } finally {
      await place?.leave()
    }
  }

  /** The next one that takes samples takes them in another millisecond. */
  async #addLast(last: () => Promise<FinalSnapshots>): Promise<void> {
    const { clock } = this.#parts.deps
    const { snapshots, pushed } = await last()
    for (const snapshot of snapshots) this.#add({ ...snapshot, isLast: true })
    this.#newest = pushed ?? this.#newest
    for (const gateway of this.#gateways.values()) this.#notify(gateway)
    if (clock.now() <= (snapshots.at(-1)?.timestampMs ?? 0)) await clock.sleep(2)
  }

  /** A gateway needs the newest alone. */
  #add(snapshot: Snapshot): void {
    const { buffer, config } = this.#parts
    const sequence = buffer.append(snapshot)
    this.#sequence = sequence
    this.#newest = snapshot
    for (const { name } of config.pushgateways) void this.#cursors.get(gatewayCursor(name))?.commit(sequence - 1)
  }

  /** Of all outputs, as the log has them. */
  get #names(): readonly string[] {
    return [...this.#cursors.keys()]
  }

  #isOpen(name: string): boolean {
    return this.#endpoints.has(name) || this.#gateways.has(name)
  }

  /** Undefined where there is no queue: it is always everybody's turn. */
  async #queue(things: readonly string[]): Promise<QueueTicket | undefined> {
    const { buffer, config, deps } = this.#parts
    if (!(buffer instanceof DiskBuffer)) return undefined
    try {
      return await enterQueue(turnsIn(config.buffer.directory), deps, things)
    } catch (error) {
      deps.log.warn('buffer: commands cannot wait for one another here', { err: messageOf(error) })
      return undefined
    }
  }

  /** What others have left; undefined where there is no place for it. */
  #openSpool(): Spool | undefined {
    const { buffer, config, deps } = this.#parts
    if (!(buffer instanceof DiskBuffer)) return undefined
    const replaced = new Set(config.pushgateways.map(groupOf))
    return new Spool(config, deps, { replaced, except: buffer.directory })
  }

  /** Tries to open an output until it is, or the end comes. */
  async #openWhenDrained(name: string, spool: Spool | undefined): Promise<void> {
    const { clock } = this.#parts.deps
    const { signal } = this.#ending
    while (!signal.aborted && !this.#isOpen(name)) {
      const place = await this.#queue([turns.at(name)])
      try {
        if ((await place?.waitFor(turns.at(name), signal)) === false) return
        const enough = createDeadline(clock, attemptMs, signal)
        await this.#open(name, { deadline: enough.signal, spool: spool }).finally(enough.clear)
      } finally {
        await place?.leave()
      }
      if (!this.#isOpen(name)) await clock.sleep(retryDelayMs, signal).catch(() => {}) // the end comes first
    }
  }

  async #openInTurn(name: string, place: QueueTicket | undefined, opening: OpenOptions): Promise<void> {
    if ((await place?.waitFor(turns.at(name), opening.deadline)) ?? true) await this.#open(name, opening)
    else if (!this.#undelivered.has(name))
      this.#undelivered.set(name, 'other commands on this host delivered all the time')
  }

  /** Opens an output when it has got all that others left. */
  async #open(name: string, { deadline, spool, isShortLived = false }: OpenOptions): Promise<void> {
    const { config, deps, buffer } = this.#parts
    const oldestMs = this.#cursors.get(name)?.backlog().oldestMs
    const problem = (await spool?.deliver(name, deadline, oldestMs))?.problem
    if (problem !== undefined) return void this.#undelivered.set(name, problem)
    this.#undelivered.delete(name)
    const remoteWrite = config.remoteWrite
      .filter((one) => one.name === name)
      .map((one) => (isShortLived ? { ...one, isShortLived } : one))
    const pushgateways = config.pushgateways.filter((one) => gatewayCursor(one.name) === name)
    for (const one of await openEndpoints({ remoteWrite }, deps, buffer)) this.#endpoints.set(name, one)
    for (const one of await openGateways({ pushgateways }, deps)) {
      this.#gateways.set(name, one)
      this.#notify(one)
    }
  }

  /** Has an output deliver what there is, as far as the time allows. */
  async #stop(name: string, deadline: AbortSignal): Promise<void> {
    await this.#endpoints.get(name)?.stop(deadline)
    const [gateway, cursor] = [this.#gateways.get(name), this.#cursors.get(name)]
    await gateway?.stop(deadline)
    if (gateway?.report.pending === 0 && cursor !== undefined)
      await saveRejectedByGateway(cursor, gateway, this.#sequence)
  }

  /** Whether nothing waits for an output any more; the log of a command does not know what a gateway has. */
  async #isDelivered(name: string): Promise<boolean> {
    const cursor = this.#cursors.get(name)
    if (this.#gateways.get(name)?.report.pending === 0) await cursor?.commit(this.#sequence)
    return cursor?.backlog().snapshots === 0
  }

  #notify(gateway: Gateway): void {
    if (this.#newest !== undefined) gateway.onSnapshot({ snapshot: this.#newest })
  }

  /** Closes the log, or deletes it, and tells what is in it for whom. */
  async #close(): Promise<readonly DeliveryResult[]> {
    const { buffer, config, manifest, deps } = this.#parts
    const areDelivered = await Promise.all(this.#names.map((name) => this.#isDelivered(name)))
    const refusedAt = (name: string) => (buffer instanceof DiskBuffer ? (buffer.deadLetters.kept.get(name) ?? 0) : 0)
    const results = (isSafe: boolean) => [
      ...config.remoteWrite.map((options) => {
        const endpoint = this.#endpoints.get(options.name)
        const left = this.#cursors.get(options.name)?.backlog().samples ?? 0
        return endpointResult(
          options,
          { left, refused: refusedAt(options.name), stats: buffer.stats, endpoint },
          { isSafe, waiting: this.#undelivered.get(options.name) },
        )
      }),
      ...config.pushgateways.map((options) => {
        const name = gatewayCursor(options.name)
        const [gateway, waiting] = [this.#gateways.get(name), this.#undelivered.get(name)]
        return gatewayResult(options, { newest: this.#newest, refused: refusedAt(name), gateway }, { isSafe, waiting })
      }),
    ]
    if (!(buffer instanceof DiskBuffer)) return results(false)
    if (!areDelivered.includes(false)) {
      const all = results(true)
      await removeRun(buffer)
      return all
    }
    await writeManifest(buffer.directory, { ...manifest, isEnded: true, ...remainderOf(buffer) }, deps.ownership)
    await buffer.close()
    return results(buffer.isSafe)
  }
}
