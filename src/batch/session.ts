import { type Buffer, type Cursor, DiskBuffer, enterQueue, type QueueTicket, turns, turnsIn } from '../buffer/index.ts'

import type { Snapshot } from '../metrics/index.ts'
import { type ConfiguredOutput, cursorNameOf, type Output, type OutputLifetime, openOutput } from '../output.ts'
import { createDeadline } from '../util/deadline.ts'
import { messageOf, report } from '../util/log.ts'
import { messages } from './messages.ts'
import { type DeliveryResult, resultAt, timedOut } from './result.ts'
import { placesOf, saveRejection } from './routes.ts'
import { type RunManifest, removeRun, spooledRuns, writeManifest } from './run-log.ts'
import { Spool } from './spool.ts'
import { remainderOf } from './spool-logs.ts'
import type { BatchOptions, BatchRun, FinalSnapshots, SpoolDeps } from './types.ts'

/** Delay between two attempts to deliver the spool to one output, and the maximum time of an attempt. */
const retryDelayMs = 10_000
const attemptMs = 2000

interface SessionParts {
  readonly batch: BatchOptions
  readonly deps: SpoolDeps
  readonly buffer: Buffer
  readonly manifest: RunManifest
}

/** How to open an output. */
interface OpenOptions {
  readonly deadline: AbortSignal
  readonly spool: Spool | undefined
  readonly lifetime: OutputLifetime
}

/** One output of the command and its state. */
interface Lane {
  readonly configured: ConfiguredOutput
  readonly cursor: Cursor
  /** Undefined until it is open. */
  output: Output | undefined
}

const isNewestOnly = ({ configured }: Lane): boolean => configured.kind.delivers === 'newest'

/** Appends the samples of a command to its log and delivers them, and the spool before them. */
export class BatchSession implements BatchRun {
  readonly #parts: SessionParts
  /** Lanes by the output's name in the log. */
  readonly #lanes: ReadonlyMap<string, Lane>
  readonly #ending = new AbortController()
  #working: Promise<void> = Promise.resolve()
  /** Outputs that were not opened because the spool is not delivered, by their name in the log, and the reason. */
  readonly #undelivered = new Map<string, string>()
  /** The position in the queue for `finish`. */
  #ticket: Promise<QueueTicket | undefined> | undefined
  #newest: Snapshot | undefined
  #sequence = 0

  constructor(parts: SessionParts) {
    const { buffer, batch } = parts
    this.#parts = parts
    this.#lanes = new Map(
      batch.outputs.map((configured) => {
        const name = cursorNameOf(configured)
        return [name, { configured, cursor: buffer.cursor(name, configured.options.sampling), output: undefined }]
      }),
    )
  }

  begin(): void {
    const { log } = this.#parts.deps
    const spool = this.#openSpool()
    const advance = (name: string) =>
      this.#openWhenDrained(name, spool).catch((error) =>
        report(log, messages.spoolUnreadable, { err: messageOf(error) }),
      )
    this.#working = Promise.all(this.#names.map(advance)).then(() => {})
  }

  async deliverSpool(deadline: AbortSignal): Promise<void> {
    const { batch, buffer, deps } = this.#parts
    const spool = this.#openSpool()
    try {
      if (spool === undefined || !(buffer instanceof DiskBuffer)) return
      if ((await spooledRuns(batch.buffer.directory, buffer.directory)).length === 0) return
      const place = await this.#queue(this.#names.map(turns.at))
      const deliver = async (name: string) => {
        if ((await place?.waitFor(turns.at(name), deadline)) === false) return
        await spool.deliver(name, deadline)
        place?.release(turns.at(name))
      }
      await Promise.all(this.#names.map(deliver)).finally(() => place?.leave())
    } catch (error) {
      report(deps.log, messages.spoolUnreadable, { err: messageOf(error) })
    }
  }

  append(snapshot: Snapshot): void {
    this.#add(snapshot)
    this.#show(snapshot)
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
      const opening = { deadline, spool: this.#openSpool(), lifetime: 'moment' } as const
      const end = async (name: string) => {
        if (!this.#isOpen(name)) await this.#openInTurn(name, place, opening)
        await this.#stop(name, deadline)
        if (await this.#isDelivered(name)) place?.release(turns.at(name)) // otherwise the next command must first deliver this log
      }
      await Promise.all(this.#names.map(end))
      await opening.spool?.expire(deadline)
      return await this.#close()
    } finally {
      await place?.leave()
    }
  }

  /** Returns only after the last timestamp has passed, so that the next command collects with a newer one. */
  async #addLast(last: () => Promise<FinalSnapshots>): Promise<void> {
    const { clock } = this.#parts.deps
    const { snapshots, pushed } = await last()
    for (const snapshot of snapshots) this.#add({ ...snapshot, isLast: true })
    this.#newest = pushed ?? this.#newest
    if (this.#newest !== undefined) this.#show(this.#newest)
    if (clock.now() <= (snapshots.at(-1)?.timestampMs ?? 0)) await clock.sleep(2)
  }

  /** Appends to the log. Cursors of outputs that deliver only the newest snapshot move past the earlier ones. */
  #add(snapshot: Snapshot): void {
    const sequence = this.#parts.buffer.append(snapshot)
    this.#sequence = sequence
    this.#newest = snapshot
    for (const lane of this.#lanes.values()) if (isNewestOnly(lane)) void lane.cursor.commit(sequence - 1)
  }

  /** Passes a snapshot to the open outputs that deliver only the newest one. */
  #show(snapshot: Snapshot): void {
    for (const lane of this.#lanes.values()) if (isNewestOnly(lane)) lane.output?.onSnapshot({ snapshot, parts: [] })
  }

  /** Names of all outputs in the log. */
  get #names(): readonly string[] {
    return [...this.#lanes.keys()]
  }

  #isOpen(name: string): boolean {
    return this.#lanes.get(name)?.output !== undefined
  }

  /** Joins the queue; undefined if there is none, and nothing waits then. */
  async #queue(things: readonly string[]): Promise<QueueTicket | undefined> {
    const { buffer, batch, deps } = this.#parts
    if (!(buffer instanceof DiskBuffer)) return undefined
    try {
      const { directory } = batch.buffer
      return await enterQueue(turnsIn(directory), { clock: deps.clock, root: directory }, things)
    } catch (error) {
      report(deps.log, messages.queueFailed, { err: messageOf(error) })
      return undefined
    }
  }

  /** The spool without this run; undefined if the buffer is in memory. */
  #openSpool(): Spool | undefined {
    const { buffer, batch, deps } = this.#parts
    if (!(buffer instanceof DiskBuffer)) return undefined
    const replaced = new Set(placesOf(batch.outputs).map(({ key }) => key))
    return new Spool(batch, deps, { replaced, except: buffer.directory })
  }

  /** Delivers the spool to an output until nothing is left in it, then opens the output. Stops when the command ends. */
  async #openWhenDrained(name: string, spool: Spool | undefined): Promise<void> {
    const { clock } = this.#parts.deps
    const { signal } = this.#ending
    while (!signal.aborted && !this.#isOpen(name)) {
      const place = await this.#queue([turns.at(name)])
      try {
        if ((await place?.waitFor(turns.at(name), signal)) === false) return
        const attemptEnd = createDeadline(clock, attemptMs, signal)
        await this.#open(name, { deadline: attemptEnd.signal, spool, lifetime: 'command' }).finally(attemptEnd.clear)
      } finally {
        await place?.leave()
      }
      if (!this.#isOpen(name)) await clock.sleep(retryDelayMs, signal).catch(() => {}) // aborted: the loop ends
    }
  }

  async #openInTurn(name: string, place: QueueTicket | undefined, opening: OpenOptions): Promise<void> {
    const isLate = opening.deadline.aborted
    if ((await place?.waitFor(turns.at(name), opening.deadline)) ?? true) await this.#open(name, opening)
    else if (!this.#undelivered.has(name))
      this.#undelivered.set(name, isLate ? timedOut : 'timeout while other commands on this host were delivering')
  }

  /** Delivers the spool to an output and opens it if nothing is left for it. */
  async #open(name: string, { deadline, spool, lifetime }: OpenOptions): Promise<void> {
    const lane = this.#lanes.get(name)
    if (lane === undefined) return
    const problem = (await spool?.deliver(name, deadline, lane.cursor.backlog().oldestMs))?.problem
    if (problem !== undefined) return void this.#undelivered.set(name, problem)
    this.#undelivered.delete(name)
    const cursor = isNewestOnly(lane) ? {} : { cursor: lane.cursor }
    lane.output = await openOutput(lane.configured, this.#parts.deps, { lifetime, ...cursor })
    if (isNewestOnly(lane) && this.#newest !== undefined) lane.output.onSnapshot({ snapshot: this.#newest, parts: [] })
  }

  /** Lets an output deliver until the deadline. */
  async #stop(name: string, deadline: AbortSignal): Promise<void> {
    const lane = this.#lanes.get(name)
    if (lane?.output === undefined) return
    await lane.output.stop(deadline)
    if (isNewestOnly(lane) && lane.output.report.pending === 0)
      await saveRejection(lane.cursor, lane.output, this.#sequence)
  }

  /** Whether an output has no backlog. Commits the cursor of an output that delivers only the newest snapshot: it does so nowhere else. */
  async #isDelivered(name: string): Promise<boolean> {
    const lane = this.#lanes.get(name)
    if (lane === undefined) return true
    if (isNewestOnly(lane) && lane.output?.report.pending === 0) await lane.cursor.commit(this.#sequence)
    return lane.cursor.backlog().snapshots === 0
  }

  /** Closes the log, or deletes it if everything is delivered. Returns the result of each output. */
  async #close(): Promise<readonly DeliveryResult[]> {
    const { buffer, manifest } = this.#parts
    const areDelivered = await Promise.all(this.#names.map((name) => this.#isDelivered(name)))
    const rejectedAt = (name: string) => (buffer instanceof DiskBuffer ? (buffer.deadLetters.kept.get(name) ?? 0) : 0)
    const results = (isSafe: boolean) =>
      [...this.#lanes].map(([name, { configured, cursor, output }]) =>
        resultAt(
          {
            ...{ configured, output, stats: buffer.stats, newest: this.#newest },
            ...{ backlog: cursor.backlog().samples, rejected: rejectedAt(name) },
          },
          { isSafe, waiting: this.#undelivered.get(name) },
        ),
      )
    if (!(buffer instanceof DiskBuffer)) return results(false)
    if (!areDelivered.includes(false)) {
      const all = results(true)
      await removeRun(buffer)
      return all
    }
    await writeManifest(buffer.directory, { ...manifest, isEnded: true, ...remainderOf(buffer) })
    await buffer.close()
    return results(buffer.isSafe)
  }
}
