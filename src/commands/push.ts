import { openBatchRun } from '../batch/index.ts'
import type { Config } from '../config/index.ts'
import { thisBoot } from '../host/index.ts'
import { connect } from '../http/index.ts'
import { type Labels, labelled, pushLimits, readPushed, type Snapshot, snapshotOf } from '../metrics/index.ts'

import { systemClock } from '../util/clock.ts'
import { createDeadline, graceAfter } from '../util/deadline.ts'
import { type CommandLine, type Flag, type ParsedFlags, UsageError } from '../util/flags.ts'
import { messageOf } from '../util/log.ts'
import type { Command, Terminal } from './command.ts'
import { graceMs, lateText, targetConfig, targetFlags, timeoutFlag } from './destination.ts'
import { batchLogOf } from './logger.ts'
import { becomeOwner, inMemory, keptBy } from './owner.ts'
import { printResults, printWarnings } from './result.ts'
import { durationOf, labelFlag, labelsOf } from './shared-flags.ts'

const job: Flag = { name: 'job', kind: 'value', value: 'NAME', help: 'The job label of the samples. Required.' }
const reserved = [[job.name, `use --${job.name} for the job`]] as const

/** The flags set the labels of the samples. A Pushgateway adds the samples to their group. */
export default {
  name: 'push',
  summary:
    'Pushes samples in the Prometheus text format or OpenMetrics, from a file or from standard input, and waits for the\nresponse.',
  usage: '--job=NAME [flags] [FILE]',
  examples: [
    [
      'Push one sample to a remote-write endpoint',
      `echo 'backup_bytes 1234' | hostpush push --job=backup --remote-write.url=http://prometheus:9090/api/v1/write`,
    ],
    ['Push a file to a Pushgateway', 'hostpush push --job=backup --pushgateway=http://pushgateway:9091 metrics.prom'],
    ['Add labels', 'hostpush push --job=backup --label=site=berlin --config.file=config.json metrics.prom'],
  ],
  exitStatuses: [
    ['0', 'all samples are delivered'],
    ['1', 'samples are lost or rejected, or nothing was sent'],
    ['2', 'the command line is wrong'],
    ['3', 'undelivered samples are kept in the buffer; the agent or the next command delivers them'],
  ],
  flags: (terminal) => [job, labelFlag, ...targetFlags(terminal), timeoutFlag],
  operands: 'accepted',
  stops: 'itself',
  async run(given, terminal) {
    const outcome = await graceAfter(systemClock, push(given, terminal), { signal: terminal.stop, graceMs })
    if (outcome !== 'late') return outcome
    terminal.err(`hostpush: ${messageOf(terminal.stop.reason)}\n`)
    return 1
  },
} satisfies Command

async function push(given: CommandLine, terminal: Terminal): Promise<number> {
  const { labels, timeoutMs } = pushOptions(given.flags)
  const configured = await targetConfig(given.flags, terminal)
  const problem = await becomeOwner(configured.buffer, terminal, keptBy.push)
  const config = problem === undefined ? configured : inMemory(configured)
  printWarnings(config, terminal)
  if (problem !== undefined) terminal.err(`hostpush: ${problem}\n`)
  const identity = labelled(config.identity, labels)
  const snapshot = snapshotFrom(await read(given, config.files, terminal), identity, terminal)
  if (snapshot === undefined) return 1
  const log = batchLogOf(config, { terminal, isLevelSet: false })
  const deps = { clock: systemClock, log, connect, bootId: thisBoot() }
  const deadline = createDeadline(systemClock, timeoutMs, terminal.stop)
  const pushing = async () => {
    const run = await openBatchRun({ ...config, outputs: addingTo(config, labels) }, deps, { sync: 'end' })
    // stamped when the run is finished: of two pushes of one job the later one has the newer samples
    const last = async () => ({ snapshots: [{ ...snapshot, timestampMs: Math.floor(systemClock.now()) }] })
    return await run.finish(last, deadline.signal)
  }
  const results = await graceAfter(systemClock, pushing(), { signal: deadline.signal, graceMs })
  deadline.clear()
  if (results !== 'late') return printResults(results, snapshot.values.length, terminal)
  terminal.err(`hostpush: ${lateText}\n`)
  return 1
}

function pushOptions(flags: ParsedFlags): { readonly labels: Labels; readonly timeoutMs: number } {
  const name = flags.get(job.name)
  if (name === undefined || name === '')
    throw new UsageError(`--${job.name}=NAME is required: the job label of the samples`)
  const timeoutMs = durationOf(flags, timeoutFlag)
  return { labels: { ...labelsOf(flags, reserved), job: String(name) }, timeoutMs }
}

async function read({ operands }: CommandLine, files: Config['files'], terminal: Terminal): Promise<Uint8Array> {
  const [file = '-', ...more] = operands
  if (more.length > 0) throw new UsageError(`expected one file, got ${operands.length}: ${operands.join(' ')}`)
  if (file === '-') return terminal.input(pushLimits.maxBytes)
  try {
    return await files.read(file, pushLimits.maxBytes)
  } catch (error) {
    const isSystemError = error instanceof Error && 'syscall' in error // its message names the file
    throw isSystemError ? error : new Error(`${file}: ${messageOf(error)}`)
  }
}

/** Undefined if the text has errors or no samples; the errors are printed. */
function snapshotFrom(text: Uint8Array, identity: Labels, { err }: Terminal): Snapshot | undefined {
  const { families, faults } = readPushed(text)
  for (const fault of faults) err(`hostpush: ${fault}\n`)
  if (faults.length === 0 && families.length > 0) return snapshotOf(families, identity, Math.floor(systemClock.now()))
  err(`hostpush: nothing was sent: the input has ${faults.length === 0 ? 'no samples' : 'errors'}\n`)
  return undefined
}

/** The outputs, set up to add samples to those that a receiver already has with these labels. */
const addingTo = ({ outputs, identity }: Config, labels: Labels): Config['outputs'] =>
  outputs.map(({ kind, options }) => ({ kind, options: kind.adding?.(options, labels, identity) ?? options }))
