import { openBatchRun, runningAgent } from '../batch/index.ts'

import { openHostSampler } from '../collect/index.ts'
import { collectors } from '../collectors/index.ts'
import { type Config, configFlags } from '../config/index.ts'
import { thisBoot } from '../host/index.ts'
import { connect } from '../http/index.ts'
import { isSameIdentity, type Snapshot } from '../metrics/index.ts'

import { systemClock } from '../util/clock.ts'
import { createDeadline } from '../util/deadline.ts'
import type { Log } from '../util/log.ts'
import type { Command } from './command.ts'
import { targetConfig, targetFlags, timeoutFlag } from './destination.ts'
import { logOf } from './logger.ts'
import { printResults, printWarnings } from './result.ts'
import { durationOf } from './shared-flags.ts'

/** Of the timeout: what is left when this is over is for writing down what has not been delivered. */
const fractions = { collecting: 0.5, atLeast: 0.05, delivering: 0.9 }

export default {
  name: 'once',
  summary:
    'Collects once, pushes, and waits for the answer: for cron, and for what runs at the start or the end of a machine.\n' +
    'Status 0 when all is delivered, 3 when it is safe in the buffer, 1 when some of it is lost or refused.',
  usage: '[flags]',
  flags: (terminal) => [
    ...targetFlags(terminal),
    timeoutFlag,
    ...configFlags(collectors).filter(({ name }) => name !== 'config.file' && !name.startsWith('web.')),
  ],
  async run({ flags }, terminal) {
    const timeoutMs = durationOf(flags, timeoutFlag)
    const lateMs = systemClock.monotonicMs() + timeoutMs * fractions.delivering
    const deadline = createDeadline(systemClock, timeoutMs * fractions.delivering, terminal.stop)
    const config = await targetConfig(flags, terminal, collectors)
    printWarnings(config, terminal)
    const log = logOf({ log: { ...config.log, level: flags.has('log.level') ? config.log.level : 'error' } }, terminal)
    const conflict = await conflictingAgent(config)
    if (conflict !== undefined) {
      terminal.err(`hostpush: nothing is sent: ${conflict}\n`)
      return 1
    }
    const run = await openBatchRun(config, { clock: systemClock, log, connect, bootId: thisBoot() }, { sync: 'end' })
    let samples = 0
    const last = async () => {
      const leftMs = Math.max(lateMs - systemClock.monotonicMs(), timeoutMs * fractions.atLeast)
      const snapshots = await collectSnapshots(config, log, Math.min(leftMs, timeoutMs * fractions.collecting))
      samples = snapshots.reduce((sum, { values }) => sum + values.length, 0)
      return { snapshots }
    }
    const results = await run.finish(last, deadline.signal)
    deadline.clear()
    if (samples > 0) return printResults(results, samples, terminal)
    terminal.err('hostpush: nothing is sent: the clock of this host is not set\n')
    return 1
  },
} satisfies Command

/** What is collected now; none where the clock is not set. */
async function collectSnapshots(config: Config, log: Log, withinMs: number): Promise<readonly Snapshot[]> {
  const sampler = openHostSampler(config, { clock: systemClock, log, withinMs })
  try {
    return await sampler.collect()
  } finally {
    sampler.close()
  }
}

/** Why a running agent is in the way: two that push the same series to one place get in each other's order. */
async function conflictingAgent({ buffer, identity, outputs }: Config): Promise<string | undefined> {
  const agent = buffer.mode === 'disk' ? await runningAgent(buffer.directory) : undefined
  if (agent === undefined || !isSameIdentity(agent.identity, identity)) return undefined
  const every = outputs.filter(({ kind }) => kind.delivers === 'every')
  const url = every.map(({ kind, options }) => kind.address(options)).find((one) => agent.urls.includes(one))
  if (url === undefined) return undefined
  return (
    `the agent with pid ${agent.pid} pushes these very series to ${url} already; ` +
    'stop it, or give this command a configuration with another instance'
  )
}
