import { enterQueue, foreignRemedy, isForbidden, turns, turnsIn } from '../buffer/index.ts'

import { cursorNameOf } from '../output.ts'
import { createDeadline } from '../util/deadline.ts'
import { messageOf, report } from '../util/log.ts'
import { messages } from './messages.ts'
import { placesOf } from './routes.ts'
import { inspectSpool, Spool } from './spool.ts'
import type { BatchOptions, Dropped, SpoolDeps } from './types.ts'

/** How often an agent checks the spool. */
const everyMs = 60_000
/** How long it may keep batch commands waiting in the queue of one output. */
const maxTurnMs = 2000
/** Time for the delivery at the start of the agent. */
const firstMs = 5000

export interface SpoolAdoption {
  /** Delivers the spool for a few seconds, before the agent sends its own samples. */
  first(): Promise<void>
  /** Delivers the spool once a minute until the signal aborts. Does not reject. */
  run(signal: AbortSignal): Promise<void>
}

/** The agent delivers the spool of batch commands. Calls `onDrop` for samples that will never be delivered. */
export function createSpoolAdoption(
  config: BatchOptions,
  deps: SpoolDeps,
  onDrop: (dropped: Dropped) => void,
): SpoolAdoption {
  const { clock, log } = deps
  const { directory, mode } = config.buffer
  const outputs = config.outputs.map(cursorNameOf)
  // the agent replaces the whole group at these gateways: spooled samples for it are older than the agent's own
  const whole = placesOf(config.outputs).filter(({ isWhole }) => isWhole)
  const replaced = new Set(whole.map(({ key }) => key))
  const refused = new Set<string>()
  let isFailing = false
  let isForeign = false

  /** True if something was delivered and more may follow. */
  async function deliver(signal: AbortSignal): Promise<boolean> {
    const place = await enterQueue(turnsIn(directory), { clock, root: directory }, outputs.map(turns.at))
    const spool = new Spool(config, { ...deps, refused }, { replaced, onDrop })
    const inTurn = async (name: string) => {
      if (!(await place.waitFor(turns.at(name), signal))) return false
      const turnEnd = createDeadline(clock, maxTurnMs, signal)
      const { snapshots, problem } = await spool.deliver(name, turnEnd.signal).finally(turnEnd.clear)
      place.release(turns.at(name))
      return snapshots > 0 && problem !== undefined
    }
    try {
      const areMore = await Promise.all(outputs.map(inTurn))
      await spool.expire(signal)
      return areMore.includes(true)
    } finally {
      await place.leave()
    }
  }

  /** Delivers the spool. Without spooled logs this costs one directory listing. */
  async function check(signal: AbortSignal): Promise<void> {
    if (mode === 'memory') return
    try {
      while (!signal.aborted && (await isAnySpooled()) && (await deliver(signal)));
      isFailing = false
    } catch (error) {
      if (!isFailing) report(log, messages.spoolUnreadable, fieldsOf(error))
      isFailing = true
    }
  }

  async function isAnySpooled(): Promise<boolean> {
    const { isAny, forbidden } = await inspectSpool(config, clock)
    const [path] = forbidden
    if (path !== undefined && !isForeign)
      report(log, messages.spoolForbidden, {
        ...{ path, logs: forbidden.length, hint: foreignRemedy(directory) },
      })
    isForeign = path !== undefined
    return isAny
  }

  const fieldsOf = (error: unknown) => ({
    err: messageOf(error),
    hint: isForbidden(error) ? foreignRemedy(directory) : undefined,
  })

  return {
    async first() {
      const moment = createDeadline(clock, firstMs)
      await check(moment.signal)
      moment.clear()
    },
    async run(signal) {
      while (!signal.aborted) {
        await check(signal)
        await clock.sleep(everyMs, signal).catch(() => {}) // aborted: the loop ends
      }
    },
  }
}
