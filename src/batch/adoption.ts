import { enterQueue, foreignRemedy, isForbidden, ownershipOf, turns, turnsIn } from '../buffer/index.ts'

import { cursorNameOf } from '../output.ts'
import { createDeadline } from '../util/deadline.ts'
import { messageOf, report } from '../util/log.ts'
import { messages } from './messages.ts'
import { placesOf } from './routes.ts'
import { inspectSpool, Spool } from './spool.ts'
import type { BatchOptions, Dropped, SpoolDeps } from './types.ts'

/** How often an agent looks for leftovers, and how long it holds a turn that batch commands wait for. */
const everyMs = 60_000
const maxPauseMs = 2000
const firstMs = 5000

export interface SpoolAdoption {
  /** Delivers what there is as far as that goes in a moment, before the agent sends anything of its own. */
  first(): Promise<void>
  /** Looks now and then until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>
}

/** An agent's part in delivering what batch commands have left; `onDrop` is told of what will never be delivered. */
export function createSpoolAdoption(
  config: BatchOptions,
  deps: SpoolDeps,
  onDrop: (dropped: Dropped) => void,
): SpoolAdoption {
  const { clock, log } = deps
  const { directory, mode } = config.buffer
  const outputs = config.outputs.map(cursorNameOf)
  // what was left for a place whose content the agent itself replaces is older than what the agent has pushed
  const whole = placesOf(config.outputs).filter(({ isWhole }) => isWhole)
  const replaced = new Set(whole.map(({ key }) => key))
  let isFailing = false
  let isForeign = false

  /** True where some of it was delivered, and more may be. */
  async function deliver(signal: AbortSignal): Promise<boolean> {
    const ownership = await ownershipOf(directory)
    const place = await enterQueue(turnsIn(directory), { clock, ownership }, outputs.map(turns.at))
    const spool = new Spool(config, { ...deps, ownership }, { replaced, onDrop })
    const inTurn = async (name: string) => {
      if (!(await place.waitFor(turns.at(name), signal))) return false
      const enough = createDeadline(clock, maxPauseMs, signal)
      const { snapshots, problem } = await spool.deliver(name, enough.signal).finally(enough.clear)
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

  /** Costs no more than a look into a directory where there is nothing. */
  async function look(signal: AbortSignal): Promise<void> {
    if (mode === 'memory') return
    try {
      while (!signal.aborted && (await isAnyLeft()) && (await deliver(signal)));
      isFailing = false
    } catch (error) {
      if (!isFailing) report(log, messages.spoolUnreadable, fieldsOf(error))
      isFailing = true
    }
  }

  async function isAnyLeft(): Promise<boolean> {
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
      await look(moment.signal)
      moment.clear()
    },
    async run(signal) {
      while (!signal.aborted) {
        await look(signal)
        await clock.sleep(everyMs, signal).catch(() => {}) // the stop comes first
      }
    },
  }
}
