import { openBatchRun, runningAgent } from '../batch/index.ts'

import { type HardwareProtection, openHostSampler, startHardwareTrial } from '../collect/index.ts'
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
import { protectionOf } from './hardware/protection.ts'
import { batchLogOf } from './logger.ts'
import { becomeOwner, inMemory, keptBy } from './owner.ts'
import { printResults, printWarnings } from './result.ts'
import { durationOf } from './shared-flags.ts'

/** Parts of the timeout. The last tenth is for writing undelivered samples to the buffer. */
const fractions = { collecting: 0.5, atLeast: 0.05, delivering: 0.9 }

export default {
  name: 'once',
  summary: 'Collects once, pushes, and waits for the response. For cron jobs, and for boot and shutdown scripts.',
  usage: '[flags]',
  examples: [
    ['Push to a remote-write endpoint', 'hostpush once --remote-write.url=http://prometheus:9090/api/v1/write'],
    ['Push to all outputs of a configuration', 'hostpush once --config.file=/etc/hostpush/config.json'],
    ['Wait at most 2 s', 'hostpush once --config.file=/etc/hostpush/config.json --timeout=2s'],
  ],
  exitStatuses: [
    ['0', 'all samples are delivered'],
    ['1', 'samples are lost or rejected, or nothing was sent'],
    ['2', 'the command line is wrong'],
    ['3', 'undelivered samples are kept in the buffer; the agent or the next command delivers them'],
  ],
  flags: (terminal) => [
    ...targetFlags(terminal),
    timeoutFlag,
    ...configFlags(collectors).filter(({ name }) => name !== 'config.file' && !name.startsWith('web.')),
  ],
  async run({ flags }, terminal) {
    const timeoutMs = durationOf(flags, timeoutFlag)
    const lateMs = systemClock.monotonicMs() + timeoutMs * fractions.delivering
    const deadline = createDeadline(systemClock, timeoutMs * fractions.delivering, terminal.stop)
    const configured = await targetConfig(flags, terminal, collectors)
    const problem = await becomeOwner(configured.buffer, terminal, keptBy.batch)
    const config = problem === undefined ? configured : inMemory(configured)
    printWarnings(config, terminal)
    if (problem !== undefined) terminal.err(`hostpush: ${problem}\n`)
    const log = batchLogOf(config, { terminal, isLevelSet: flags.has('log.level') })
    const conflict = await conflictingAgent(config)
    if (conflict !== undefined) {
      terminal.err(`hostpush: nothing was sent: ${conflict}\n`)
      return 1
    }
    const protection = protectionOf(terminal, 'trial')
    const trial = protection && startHardwareTrial(config.collectors, config)
    const run = await openBatchRun(config, { clock: systemClock, log, connect, bootId: thisBoot() }, { sync: 'end' })
    let samples = 0
    const last = async () => {
      const leftMs = Math.max(lateMs - systemClock.monotonicMs(), timeoutMs * fractions.atLeast)
      const withinMs = Math.min(leftMs, timeoutMs * fractions.collecting)
      const snapshots = await collectSnapshots(
        config,
        { log, withinMs, protection: protection && { ...protection, trial } },
        terminal.stop,
      )
      samples = snapshots.reduce((sum, { values }) => sum + values.length, 0)
      return { snapshots }
    }
    const results = await run.finish(last, deadline.signal)
    deadline.clear()
    if (samples > 0) return printResults(results, samples, terminal)
    terminal.err('hostpush: nothing was sent: the clock of this host is not set\n')
    return 1
  },
} satisfies Command

interface SamplerDeps {
  readonly log: Log
  readonly withinMs: number
  readonly protection: HardwareProtection | undefined
}

/** One or two snapshots of this host; none if the clock is not set. */
async function collectSnapshots(config: Config, deps: SamplerDeps, stop: AbortSignal): Promise<readonly Snapshot[]> {
  const sampler = openHostSampler(config, { clock: systemClock, ...deps })
  try {
    return await sampler.collect(stop)
  } finally {
    sampler.close()
  }
}

/** The reason not to send because of a running agent: samples of the same series from two senders are out of order. */
async function conflictingAgent({ buffer, identity, outputs }: Config): Promise<string | undefined> {
  const agent = buffer.mode === 'disk' ? await runningAgent(buffer.directory) : undefined
  if (agent === undefined || !isSameIdentity(agent.identity, identity)) return undefined
  const every = outputs.filter(({ kind }) => kind.delivers === 'every')
  const url = every.map(({ kind, options }) => kind.address(options)).find((one) => agent.urls.includes(one))
  if (url === undefined) return undefined
  return (
    `the agent with pid ${agent.pid} already pushes the same series to ${url}; ` +
    'stop the agent, or use a configuration with another instance'
  )
}
