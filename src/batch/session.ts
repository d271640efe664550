import { DiskBuffer } from '../buffer/disk-buffer.ts'
import { type Place, queueUp } from '../buffer/lock/fifo-queue.ts'
import { turns, turnsIn } from '../buffer/paths.ts'
import type { Buffer, Cursor } from '../buffer/types.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import type { Gateway } from '../pushgateway/index.ts'
import type { Endpoint } from '../remote-write/index.ts'
import { deadlineAt } from '../util/deadline.ts'
import { messageOf } from '../util/log.ts'
import type { Last, Run } from './index.ts'
import { openEndpoints, openGateways } from './open-outputs.ts'
import { setAsideAt } from './refused.ts'
import { type Fate, fateAtEndpoint, fateAtGateway } from './result.ts'
import { groupOf } from './routes.ts'
import { type About, gatewayCursor, removeRun, writeAbout } from './run-log.ts'
import { type Adopter, Leftovers, type RunConfig } from './spool.ts'
import { restOf } from './spool-logs.ts'

/** How long an output that has not got what was left is let be before it is tried again, and how long at a time. */
const againMs = 10_000
const tryMs = 2000

interface Parts {
  readonly config: RunConfig
  readonly world: Adopter
  readonly buffer: Buffer
  readonly about: About
}

/** What an output may be opened with. */
interface Opening {
  readonly deadline: AbortSignal
  readonly leftovers: Leftovers | undefined
  /** At the end nothing is asked that the samples do not need. */
  readonly isBrief?: boolean
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
  readonly #waiting = new Map<string, string>()
  /** For the end. */
  #place: Promise<Place | undefined> | undefined
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
    const { log } = this.#parts.world
    const leftovers = this.#leftovers()
    const advance = (name: string) =>
      this.#advance(name, leftovers).catch((error) =>
        log.error('run: what was left cannot be read', { err: messageOf(error) }),
      )
    this.#working = Promise.all(this.#names.map(advance)).then(() => {})
  }

  append(snapshot: Snapshot): void {
    this.#take(snapshot)
    for (const gateway of this.#gateways.values()) gateway.notify({ snapshot })
  }

  async queue(): Promise<void> {
    this.#place ??= this.#queue([turns.taking, ...this.#names.map(turns.at)])
    await this.#place
  }

  async finish(last: () => Promise<Last>, deadline: AbortSignal): Promise<readonly Fate[]> {
    this.#ending.abort(new Error('the command is ending'))
    await this.#working
    await this.queue()
    const place = await this.#place
    try {
      await place?.turn(turns.taking, deadline)
      await this.#takeLast(last)
      place?.pass(turns.taking)
      const opening = { deadline, leftovers: this.#leftovers(), isBrief: true }
      const end = async (name: string) => {
        if (!this.#isOpen(name)) await this.#openInTurn(name, place, opening)
        await this.#stop(name, deadline)
        if (await this.#isDelivered(name)) place?.pass(turns.at(name)) // else the next one there has to see the log
      }
      await Promise.all(this.#names.map(end))
      await opening.leftovers?.letGo(deadline)
      return await this.#settled()
    } finally {
      await place?.leave()
    }
  }

  /** The next one that takes samples takes them in another millisecond. */
  async #takeLast(last: () => Promise<Last>): Promise<void> {
    const { clock } = this.#parts.world
    const { snapshots, pushed } = await last()
    for (const snapshot of snapshots) this.#take({ ...snapshot, isLast: true })
    this.#newest = pushed ?? this.#newest
    for (const gateway of this.#gateways.values()) this.#notify(gateway)
    if (clock.now() <= (snapshots.at(-1)?.timestampMs ?? 0)) await clock.sleep(2)
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

  /** Undefined where there is no queue: it is always everybody's turn. */
  async #queue(things: readonly string[]): Promise<Place | undefined> {
    const { buffer, config, world } = this.#parts
    if (!(buffer instanceof DiskBuffer)) return undefined
    try {
      return await queueUp(turnsIn(config.buffer.directory), world, things)
    } catch (error) {
      world.log.warn('buffer: commands cannot wait for one another here', { err: messageOf(error) })
      return undefined
    }
  }

  /** What others have left; undefined where there is no place for it. */
  #leftovers(): Leftovers | undefined {
    const { buffer, config, world } = this.#parts
    if (!(buffer instanceof DiskBuffer)) return undefined
    const replaced = new Set(config.pushgateways.map(groupOf))
    return new Leftovers(config, world, { replaced, except: buffer.directory })
  }

  /** Tries to open an output until it is, or the end comes. */
  async #advance(name: string, leftovers: Leftovers | undefined): Promise<void> {
    const { clock } = this.#parts.world
    const { signal } = this.#ending
    while (!signal.aborted && !this.#isOpen(name)) {
      const place = await this.#queue([turns.at(name)])
      try {
        if ((await place?.turn(turns.at(name), signal)) === false) return
        const enough = deadlineAt(clock, tryMs, signal)
        await this.#open(name, { deadline: enough.signal, leftovers }).finally(enough.over)
      } finally {
        await place?.leave()
      }
      if (!this.#isOpen(name)) await clock.sleep(againMs, signal).catch(() => {}) // the end comes first
    }
  }

  async #openInTurn(name: string, place: Place | undefined, opening: Opening): Promise<void> {
    if ((await place?.turn(turns.at(name), opening.deadline)) ?? true) await this.#open(name, opening)
    else if (!this.#waiting.has(name)) this.#waiting.set(name, 'other commands on this host delivered all the time')
  }

  /** Opens an output when it has got all that others left. */
  async #open(name: string, { deadline, leftovers, isBrief = false }: Opening): Promise<void> {
    const { config, world, buffer } = this.#parts
    const oldestMs = this.#cursors.get(name)?.backlog().oldestMs
    const trouble = (await leftovers?.deliver(name, deadline, oldestMs))?.trouble
    if (trouble !== undefined) return void this.#waiting.set(name, trouble)
    this.#waiting.delete(name)
    const remoteWrite = config.remoteWrite
      .filter((one) => one.name === name)
      .map((one) => (isBrief ? { ...one, isBrief } : one))
    const pushgateways = config.pushgateways.filter((one) => gatewayCursor(one.name) === name)
    for (const one of await openEndpoints({ remoteWrite }, world, buffer)) this.#endpoints.set(name, one)
    for (const one of await openGateways({ pushgateways }, world)) {
      this.#gateways.set(name, one)
      this.#notify(one)
    }
  }

  /** Has an output deliver what there is, as far as the time allows. */
  async #stop(name: string, deadline: AbortSignal): Promise<void> {
    await this.#endpoints.get(name)?.stop(deadline)
    const [gateway, cursor] = [this.#gateways.get(name), this.#cursors.get(name)]
    await gateway?.stop(deadline)
    if (gateway?.report.pending === 0 && cursor !== undefined) await setAsideAt(cursor, gateway, this.#sequence)
  }

  /** Whether nothing waits for an output any more; the log of a command does not know what a gateway has. */
  async #isDelivered(name: string): Promise<boolean> {
    const cursor = this.#cursors.get(name)
    if (this.#gateways.get(name)?.report.pending === 0) await cursor?.move(this.#sequence)
    return cursor?.backlog().snapshots === 0
  }

  #notify(gateway: Gateway): void {
    if (this.#newest !== undefined) gateway.notify({ snapshot: this.#newest })
  }

  /** Closes the log, or deletes it, and tells what is in it for whom. */
  async #settled(): Promise<readonly Fate[]> {
    const { buffer, config, about, world } = this.#parts
    const areDelivered = await Promise.all(this.#names.map((name) => this.#isDelivered(name)))
    const refusedAt = (name: string) => (buffer instanceof DiskBuffer ? (buffer.aside.kept.get(name) ?? 0) : 0)
    const fates = (isSafe: boolean) => [
      ...config.remoteWrite.map((options) => {
        const endpoint = this.#endpoints.get(options.name)
        const left = this.#cursors.get(options.name)?.backlog().samples ?? 0
        return fateAtEndpoint(
          options,
          { left, refused: refusedAt(options.name), stats: buffer.stats, endpoint },
          { isSafe, waiting: this.#waiting.get(options.name) },
        )
      }),
      ...config.pushgateways.map((options) => {
        const name = gatewayCursor(options.name)
        const [gateway, waiting] = [this.#gateways.get(name), this.#waiting.get(name)]
        return fateAtGateway(options, { newest: this.#newest, refused: refusedAt(name), gateway }, { isSafe, waiting })
      }),
    ]
    if (!(buffer instanceof DiskBuffer)) return fates(false)
    if (!areDelivered.includes(false)) {
      const all = fates(true)
      await removeRun(buffer)
      return all
    }
    await writeAbout(buffer.directory, { ...about, isEnded: true, ...restOf(buffer) }, world.heir)
    await buffer.close()
    return fates(buffer.isSafe)
  }
}
