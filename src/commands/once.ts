import { openBatchRun, runningAgent } from '../batch/index.ts'

import { type HardwareProtection, openHostSampler, startHardwareTrial } from '../collect/index.ts'
import { collectors } from '../collectors/index.ts'
import { type Config, configFlags } from '../config/index.ts'
import { thisBoot } from '../host/index.ts'
import { connect } from '../http/index.ts'
import { isSameIdentity, type Snapshot } from '../metrics/index.ts'

import { systemClock } from '../util/clock.ts'
import { createDeadline, type Deadline, graceAfter } from '../util/deadline.ts'
import type { ParsedFlags } from '../util/flags.ts'
import type { Log } from '../util/log.ts'
import type { Command, Terminal } from './command.ts'
import { graceMs, lateText, targetConfig, targetFlags, timeoutFlag } from './destination.ts'
import { protectionOf } from './hardware/protection.ts'
import { batchLogOf } from './logger.ts'
import { becomeOwner, inMemory, keptBy } from './owner.ts'
import { printResults, printWarnings } from './result.ts'
import { durationOf } from './shared-flags.ts'

/**
 * Parts of the timeout: for the question to a running agent, for the samples of earlier commands, for collecting, and for
 * everything before undelivered samples are written to the buffer. Collecting has at least `atLeast`, and the delivery after it at least `deliveringAtLeast`.
 */
const fractions = { asking: 0.2, spool: 0.3, collecting: 0.5, atLeast: 0.05, delivering: 0.9, deliveringAtLeast: 0.3 }

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
  stops: 'itself',
  async run({ flags }, terminal) {
    const timeoutMs = durationOf(flags, timeoutFlag)
    const deadline = createDeadline(systemClock, timeoutMs * fractions.delivering, terminal.stop)
    const outcome = await graceAfter(systemClock, pushOnce(flags, terminal, { timeoutMs, deadline }), {
      signal: deadline.signal,
      graceMs: timeoutMs * (1 - fractions.delivering) + graceMs,
    })
    deadline.clear()
    if (outcome !== 'late') return outcome
    terminal.err(`hostpush: ${lateText}\n`)
    return 1
  },
} satisfies Command

interface Limits {
  readonly timeoutMs: number
  /** Ends all work except for writing undelivered samples to the buffer. */
  readonly deadline: Deadline
}

async function pushOnce(flags: ParsedFlags, terminal: Terminal, { timeoutMs, deadline }: Limits): Promise<number> {
  const lateMs = systemClock.monotonicMs() + timeoutMs * fractions.delivering
  const configured = await targetConfig(flags, terminal, collectors)
  const problem = await becomeOwner(configured.buffer, terminal, keptBy.batch)
  const config = problem === undefined ? configured : inMemory(configured)
  printWarnings(config, terminal)
  if (problem !== undefined) terminal.err(`hostpush: ${problem}\n`)
  const log = batchLogOf(config, { terminal, isLevelSet: flags.has('log.level') })
  const askEnd = createDeadline(systemClock, timeoutMs * fractions.asking, deadline.signal)
  const conflict = await conflictingAgent(config, askEnd.signal)
  askEnd.clear()
  if (conflict !== undefined) {
    terminal.err(`hostpush: nothing was sent: ${conflict}\n`)
    return 1
  }
  const protection = protectionOf(terminal, 'trial')
  const trial = protection && startHardwareTrial(config.collectors, config)
  const run = await openBatchRun(config, { clock: systemClock, log, connect, bootId: thisBoot() }, { sync: 'end' })
  const spoolEnd = createDeadline(systemClock, timeoutMs * fractions.spool, deadline.signal)
  await run.deliverSpool(spoolEnd.signal)
  spoolEnd.clear()
  let samples = 0
  const last = async () => {
    const leftMs = Math.max(lateMs - systemClock.monotonicMs(), timeoutMs * fractions.atLeast)
    // a collector that blocks the process does not use up the time for the delivery
    deadline.restart(timeoutMs)
    const withinMs = Math.min(leftMs, timeoutMs * fractions.collecting)
    const deps = { log, withinMs, protection: protection && { ...protection, trial } }
    const snapshots = await collectSnapshots(config, deps, terminal.stop)
    samples = snapshots.reduce((sum, { values }) => sum + values.length, 0)
    deadline.restart(Math.max(lateMs - systemClock.monotonicMs(), timeoutMs * fractions.deliveringAtLeast))
    return { snapshots }
  }
  const results = await run.finish(last, deadline.signal)
  if (samples > 0) return printResults(results, samples, terminal)
  terminal.err('hostpush: nothing was sent: the clock of this host is not set\n')
  return 1
}

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
async function conflictingAgent(
  { buffer, identity, outputs }: Config,
  deadline: AbortSignal,
): Promise<string | undefined> {
  const agent = buffer.mode === 'disk' ? await runningAgent(buffer.directory, deadline) : undefined
  if (agent === undefined || !isSameIdentity(agent.identity, identity)) return undefined
  const every = outputs.filter(({ kind }) => kind.delivers === 'every')
  const url = every.map(({ kind, options }) => kind.address(options)).find((one) => agent.urls.includes(one))
  if (url === undefined) return undefined
  return (
    `the agent with pid ${agent.pid} already pushes the same series to ${url}; ` +
    'stop the agent, or use a configuration with another instance'
  )
}
