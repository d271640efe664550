import type { Buffer, Cursor } from '../buffer/buffer.ts'
import { DiskBuffer } from '../buffer/disk.ts'
import { turnsIn } from '../buffer/run-names.ts'
import { type About, gatewayCursor, removeRun, writeAbout } from '../buffer/runs.ts'
import { type Turn, takeTurn } from '../buffer/turn.ts'
import { deadlineAt } from '../http/deadline.ts'
import { messageOf } from '../log.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { openEndpoints, openGateways } from '../outputs.ts'
import type { Gateway } from '../pushgateway/index.ts'
import type { Endpoint } from '../remote-write/index.ts'
import { type Fate, fateAtEndpoint, fateAtGateway } from './fate.ts'
import type { Last, Run } from './index.ts'
import { groupOf, outputsOf } from './lanes.ts'
import { waitingFor } from './left-logs.ts'
import { type Adopted, type Adopter, deliverLeft, type RunConfig, told } from './leftovers.ts'

/** How long an output that has not got what was left is let be before it is tried again, and how long at a time. */
const againMs = 10_000
const tryMs = 2000

interface Parts {
  readonly config: RunConfig
  readonly world: Adopter
  readonly buffer: Buffer
  readonly about: About
}

interface Opening {
  readonly isBrief?: boolean
  /** What to do with an output that is open now, by its name in the log. */
  readonly onOpen?: (name: string) => Promise<void>
}

export class Sending implements Run {
  readonly #parts: Parts
  /** These three by the name in the log. */
  readonly #cursors: ReadonlyMap<string, Cursor>
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #gateways = new Map<string, Gateway>()
  readonly #ending = new AbortController()
  #working: Promise<void> = Promise.resolve()
  /** By the name in the log, the outputs that have not got what was left before, and why. */
  #waiting: Adopted['waiting'] = new Map()
  #newest: Snapshot | undefined
  #sequence = 0

  constructor(parts: Parts) {
    const { buffer, config } = parts
    this.#parts = parts
    this.#cursors = new Map([
      ...config.remoteWrite.map(({ name, choice }) => [name, buffer.cursor(name, choice)] as const),
      ...config.pushgateways.map(({ name }) => [gatewayCursor(name), buffer.cursor(gatewayCursor(name))] as const),
    ])
  }

  begin(): void {
    const { clock, log } = this.#parts.world
    const { signal } = this.#ending
    const advance = async () => {
      while (!signal.aborted && !this.#areOpen) {
        const turn = await this.#turn(signal)
        if (turn === undefined) return
        const enough = deadlineAt(clock, tryMs, signal)
        await this.#open(enough.signal).finally(turn.release)
        enough.over()
        if (!this.#areOpen) await clock.sleep(againMs, signal).catch(() => {}) // the end comes first
      }
    }
    this.#working = advance().catch((error) =>
      log.error('run: what was left cannot be read', { err: messageOf(error) }),
    )
  }

  append(snapshot: Snapshot): void {
    this.#take(snapshot)
    for (const gateway of this.#gateways.values()) gateway.notify({ snapshot })
  }

  async finish(last: () => Promise<Last>, deadline: AbortSignal): Promise<readonly Fate[]> {
    this.#ending.abort(new Error('the command is ending'))
    await this.#working
    const turn = await this.#turn(deadline)
    try {
      if (turn === undefined) await this.#tooLate(deadline)
      const { snapshots, pushed } = await last()
      for (const snapshot of snapshots) this.#take({ ...snapshot, isLast: true })
      this.#newest = pushed ?? this.#newest
      for (const gateway of this.#gateways.values()) this.#notify(gateway)
      const stop = (name: string) => this.#stop(name, deadline)
      const opened = this.#names.filter((name) => this.#isOpen(name))
      await Promise.all([...opened.map(stop), turn && this.#open(deadline, { isBrief: true, onOpen: stop })])
      return await this.#settled()
    } finally {
      await turn?.release()
    }
  }

  /** A gateway needs the newest alone. */
  #take(snapshot: Snapshot): void {
    const { buffer, config } = this.#parts
    const sequence = buffer.append(snapshot)
    this.#sequence = sequence
    this.#newest = snapshot
    for (const { name } of config.pushgateways) void this.#cursors.get(gatewayCursor(name))?.move(sequence - 1)
  }

  /** Of all outputs, as the log has them. */
  get #names(): readonly string[] {
    return [...this.#cursors.keys()]
  }

  #isOpen(name: string): boolean {
    return this.#endpoints.has(name) || this.#gateways.has(name)
  }

  get #areOpen(): boolean {
    return this.#names.every((name) => this.#isOpen(name))
  }

  /** Undefined where the signal aborted before it came; where there is no queue it is always everybody's turn. */
  async #turn(signal: AbortSignal): Promise<Turn | undefined> {
    const { buffer, config, world } = this.#parts
    const always = { release: async () => {} }
    if (!(buffer instanceof DiskBuffer)) return always
    try {
      return await takeTurn(turnsIn(config.buffer.directory), world.clock, signal)
    } catch (error) {
      world.log.warn('buffer: commands cannot wait for one another here', { err: messageOf(error) })
      return always
    }
  }

  /** The others took all the time. */
  async #tooLate(deadline: AbortSignal): Promise<void> {
    const names = this.#names.filter((name) => !this.#isOpen(name))
    const reason = 'other commands on this host delivered all the time'
    this.#waiting = new Map([...names.map((name) => [name, reason] as const), ...this.#waiting])
    await Promise.all(this.#names.map((name) => this.#stop(name, deadline)))
  }

  /** Opens each output that is not open yet, when it has got all that others left; at the end it asks nothing of its own. */
  async #open(deadline: AbortSignal, { isBrief = false, onOpen }: Opening = {}): Promise<void> {
    const { config, world, buffer } = this.#parts
    const remoteWrite = config.remoteWrite.filter(({ name }) => !this.#endpoints.has(name))
    const pushgateways = config.pushgateways.filter(({ name }) => !this.#gateways.has(gatewayCursor(name)))
    const onClear = async (name: string) => {
      const endpoints = remoteWrite
        .filter((one) => one.name === name)
        .map((one) => (isBrief ? { ...one, isBrief } : one))
      const gateways = pushgateways.filter((one) => gatewayCursor(one.name) === name)
      for (const one of await openEndpoints({ remoteWrite: endpoints }, world, buffer)) this.#endpoints.set(name, one)
      for (const one of await openGateways({ pushgateways: gateways }, world)) {
        this.#gateways.set(name, one)
        this.#notify(one)
      }
      await onOpen?.(name)
    }
    const wanted = { ...config, remoteWrite, pushgateways }
    if (!(buffer instanceof DiskBuffer)) return void (await Promise.all(outputsOf(wanted).map(onClear)))
    const replaced = new Set(config.pushgateways.map(groupOf))
    const adopted = await deliverLeft(wanted, world, { deadline, replaced, except: buffer.directory, onClear })
    told(adopted, world.log)
    this.#waiting = adopted.waiting
  }

  /** Has an output deliver what there is, as far as the time allows. */
  async #stop(name: string, deadline: AbortSignal): Promise<void> {
    await (this.#endpoints.get(name) ?? this.#gateways.get(name))?.stop(deadline)
  }

  #notify(gateway: Gateway): void {
    if (this.#newest !== undefined) gateway.notify({ snapshot: this.#newest })
  }

  /** Closes the log, or deletes it, and tells what is in it for whom. */
  async #settled(): Promise<readonly Fate[]> {
    const { buffer, config, about } = this.#parts
    for (const { name } of config.pushgateways) {
      const report = this.#gateways.get(gatewayCursor(name))?.report
      if (report?.pending === 0) await this.#cursors.get(gatewayCursor(name))?.move(this.#sequence)
    }
    const isDelivered = [...this.#cursors.values()].every((cursor) => cursor.backlog().snapshots === 0)
    const fates = (isSafe: boolean) => [
      ...config.remoteWrite.map((options) => {
        const endpoint = this.#endpoints.get(options.name)
        const left = this.#cursors.get(options.name)?.backlog().samples ?? 0
        const refused = buffer instanceof DiskBuffer ? (buffer.aside.kept.get(options.name) ?? 0) : 0
        return fateAtEndpoint(
          options,
          { left, refused, stats: buffer.stats, endpoint },
          { isSafe, waiting: this.#waiting.get(options.name) },
        )
      }),
      ...config.pushgateways.map((options) => {
        const gateway = this.#gateways.get(gatewayCursor(options.name))
        const waiting = this.#waiting.get(gatewayCursor(options.name))
        return fateAtGateway(options, { newest: this.#newest, gateway }, { isSafe, waiting })
      }),
    ]
    if (!(buffer instanceof DiskBuffer)) return fates(false)
    if (isDelivered) {
      const all = fates(true)
      await removeRun(buffer)
      return all
    }
    await writeAbout(buffer.directory, {
      ...about,
      isEnded: true,
      outputs: waitingFor(buffer),
      bytes: buffer.stats.bytes,
    })
    await buffer.close()
    return fates(buffer.isSafe)
  }
}
