import { turnsIn } from '../buffer/run-names.ts'
import { takeTurn } from '../buffer/turn.ts'
import { deadlineAt } from '../http/deadline.ts'
import { messageOf } from '../log.ts'
import { groupOf } from './lanes.ts'
import { type Adopter, type Dropped, deliverLeft, isAnyLeft, type RunConfig, told } from './leftovers.ts'

/** How often an agent looks for leftovers, and how long it holds the turn that batch commands wait for. */
const everyMs = 60_000
const holdMs = 2000
const firstMs = 5000

export interface Adopting {
  /** Delivers what there is as far as that goes in a moment, before the agent sends anything of its own. */
  first(): Promise<void>
  /** Looks now and then until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>
}

/** An agent's part in delivering what batch commands have left; `onDrop` is told of what will never be delivered. */
export function createAdopting(config: RunConfig, adopter: Adopter, onDrop: (dropped: Dropped) => void): Adopting {
  const { clock, log } = adopter
  const { directory, mode } = config.buffer
  // a leftover of a group that the agent itself pushes is older than what it has pushed
  const replaced = new Set(config.pushgateways.filter(({ method }) => method === 'PUT').map(groupOf))
  let isFailing = false

  /** True where some of it was delivered, and more may be. */
  async function deliver(signal: AbortSignal): Promise<boolean> {
    const turn = await takeTurn(turnsIn(directory), clock, signal)
    const enough = deadlineAt(clock, holdMs, signal)
    try {
      const adopted = await deliverLeft(config, adopter, { deadline: enough.signal, replaced })
      told(adopted, log)
      for (const dropped of adopted.dropped) onDrop(dropped)
      return adopted.snapshots > 0 && adopted.waiting.size > 0
    } finally {
      enough.over()
      await turn?.release()
    }
  }

  /** Costs no more than a look into a directory where there is nothing. */
  async function look(signal: AbortSignal): Promise<void> {
    if (mode === 'memory') return
    try {
      while (!signal.aborted && (await isAnyLeft(config, clock)) && (await deliver(signal)));
      isFailing = false
    } catch (error) {
      if (!isFailing) log.error('runs: what batch commands have left cannot be read', { err: messageOf(error) })
      isFailing = true
    }
  }

  return {
    async first() {
      const moment = deadlineAt(clock, firstMs)
      await look(moment.signal)
      moment.over()
    },
    async run(signal) {
      while (!signal.aborted) {
        await look(signal)
        await clock.sleep(everyMs, signal).catch(() => {}) // the stop comes first
      }
    },
  }
}
