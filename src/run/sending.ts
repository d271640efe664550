import type { Buffer, Cursor } from '../buffer/buffer.ts'
import { DiskBuffer } from '../buffer/disk.ts'
import { type About, gatewayCursor, removeRun, turnsIn, writeAbout } from '../buffer/runs.ts'
import { type Turn, takeTurn } from '../buffer/turn.ts'
import { deadlineAt } from '../http/deadline.ts'
import { messageOf } from '../log.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { openEndpoints, openGateways } from '../outputs.ts'
import type { Gateway } from '../pushgateway/index.ts'
import type { Endpoint } from '../remote-write/index.ts'
import { type Fate, fateAtEndpoint, fateAtGateway } from './fate.ts'
import type { Last, Run } from './index.ts'
import { type Adopted, type Adopter, deliverLeft, groupOf, type RunConfig, told } from './leftovers.ts'

/** How long an output that has not got what was left is let be before it is tried again, and how long at a time. */
const againMs = 10_000
const tryMs = 2000

interface Parts {
  readonly config: RunConfig
  readonly world: Adopter
  readonly buffer: Buffer
  readonly about: About
}

export class Sending implements Run {
  readonly #parts: Parts
  readonly #endpoints = new Map<string, Endpoint>()
  /** By the name in the log. */
  readonly #cursors: ReadonlyMap<string, Cursor>
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
      while (!signal.aborted && !this.#isOpen) {
        const turn = await this.#turn(signal)
        const enough = deadlineAt(clock, tryMs, signal)
        await this.#open(enough.signal)
        enough.over()
        await turn?.release()
        if (!this.#isOpen) await clock.sleep(againMs, signal).catch(() => {}) // the end comes first
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
      else await this.#open(deadline, { isBrief: true })
      const { snapshots, pushed } = await last()
      for (const snapshot of snapshots) this.#take({ ...snapshot, isLast: true })
      this.#newest = pushed ?? this.#newest
      if (turn !== undefined && this.#newest !== undefined)
        for (const gateway of this.#gateways.values()) gateway.notify({ snapshot: this.#newest })
      await this.#stop(deadline)
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

  get #isOpen(): boolean {
    const { remoteWrite, pushgateways } = this.#parts.config
    return this.#endpoints.size === remoteWrite.length && this.#gateways.size === pushgateways.length
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
    const isOpen = (name: string) =>
      this.#endpoints.has(name) || [...this.#gateways.keys()].map(gatewayCursor).includes(name)
    const names = [...this.#cursors.keys()].filter((name) => !isOpen(name))
    const reason = 'other commands on this host delivered all the time'
    this.#waiting = new Map([...names.map((name) => [name, reason] as const), ...this.#waiting])
    await this.#stop(deadline)
  }

  /** Delivers what others left, and opens the outputs that have got all of it; at the end they ask nothing of their own. */
  async #open(deadline: AbortSignal, { isBrief = false } = {}): Promise<void> {
    const { config, world, buffer } = this.#parts
    if (buffer instanceof DiskBuffer) {
      const replaced = new Set(config.pushgateways.map(groupOf))
      const except = buffer.directory
      for (let runs = 1; runs > 0 && !deadline.aborted; ) {
        const adopted = await deliverLeft(config, world, { deadline, replaced, except })
        told(adopted, world.log)
        runs = adopted.runs
        this.#waiting = adopted.waiting
      }
    }
    for (const options of config.remoteWrite.filter(
      ({ name }) => !this.#waiting.has(name) && !this.#endpoints.has(name),
    ))
      for (const one of await openEndpoints(
        { remoteWrite: [isBrief ? { ...options, isBrief } : options] },
        world,
        buffer,
      ))
        this.#endpoints.set(one.name, one)
    const isReady = ({ name }: { name: string }) => !this.#waiting.has(gatewayCursor(name)) && !this.#gateways.has(name)
    for (const options of config.pushgateways.filter(isReady))
      for (const one of await openGateways({ pushgateways: [options] }, world)) this.#gateways.set(one.name, one)
  }

  async #stop(deadline: AbortSignal): Promise<void> {
    await Promise.all([...this.#endpoints.values(), ...this.#gateways.values()].map((one) => one.stop(deadline)))
  }

  /** Closes the log, or deletes it, and tells what is in it for whom. */
  async #settled(): Promise<readonly Fate[]> {
    const { buffer, config, about } = this.#parts
    for (const { name } of config.pushgateways) {
      const report = this.#gateways.get(name)?.report
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
        const gateway = this.#gateways.get(options.name)
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
    if (!about.isEnded) await writeAbout(buffer.directory, { ...about, isEnded: true })
    await buffer.close()
    return fates(buffer.trouble === undefined && !buffer.isBehind)
  }
}
