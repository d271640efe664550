import { readFile } from 'node:fs/promises'
import { openBatchRun } from '../batch/index.ts'
import type { Config } from '../config/index.ts'
import { thisBoot } from '../host/index.ts'
import { connect } from '../http/index.ts'
import { type Labels, labelled, readPushed, type Snapshot, snapshotOf } from '../metrics/index.ts'

import { systemClock } from '../util/clock.ts'
import { createDeadline } from '../util/deadline.ts'
import { type CommandLine, type Flag, type ParsedFlags, UsageError } from '../util/flags.ts'
import type { Command, Terminal } from './command.ts'
import { targetConfig, targetFlags, timeoutFlag } from './destination.ts'
import { logOf } from './logger.ts'
import { printResults, printWarnings } from './result.ts'
import { durationOf, labelFlag, labelsOf } from './shared-flags.ts'

const job: Flag = { name: 'job', kind: 'value', help: 'The job that the samples are of. Needed.' }
const reserved = [[job.name, `for the job there is --${job.name}`]] as const

/** Samples are whose they are said to be; at a Pushgateway they are added to what the group has. */
export default {
  name: 'push',
  summary:
    'Pushes samples, in the text format or OpenMetrics, from a file or from standard input.\n' +
    'Waits for the answer: status 0 when all are delivered, 3 when they are safe in the buffer, 1 when some are lost or\n' +
    'refused.',
  usage: '[flags] [FILE]',
  flags: (terminal) => [job, labelFlag, ...targetFlags(terminal), timeoutFlag],
  operands: 'taken',
  async run(given, terminal) {
    const { labels, timeoutMs } = pushOptions(given.flags)
    const config = await targetConfig(given.flags, terminal)
    printWarnings(config, terminal)
    const identity = labelled(config.identity, labels)
    const snapshot = snapshotFrom(await read(given, terminal), identity, terminal)
    if (snapshot === undefined) return 1
    const log = logOf({ log: { ...config.log, level: 'error' } }, terminal)
    const deps = { clock: systemClock, log, connect, bootId: thisBoot() }
    const run = await openBatchRun({ ...config, outputs: addingTo(config.outputs, labels) }, deps, { sync: 'end' })
    // they are of the moment of their turn: of two pushes of one job the later one is newer
    const last = async () => ({ snapshots: [{ ...snapshot, timestampMs: Math.floor(systemClock.now()) }] })
    const deadline = createDeadline(systemClock, timeoutMs, terminal.stop)
    const results = await run.finish(last, deadline.signal)
    deadline.clear()
    return printResults(results, snapshot.values.length, terminal)
  },
} satisfies Command

function pushOptions(flags: ParsedFlags): { readonly labels: Labels; readonly timeoutMs: number } {
  const name = flags.get(job.name)
  if (name === undefined || name === '') throw new UsageError(`--${job.name}=NAME is needed: what are the samples of?`)
  const timeoutMs = durationOf(flags, timeoutFlag)
  return { labels: { ...labelsOf(flags, reserved), job: String(name) }, timeoutMs }
}

async function read({ operands }: CommandLine, terminal: Terminal): Promise<Uint8Array> {
  const [file = '-', ...more] = operands
  if (more.length > 0) throw new UsageError(`one file at a time: ${operands.join(' ')}`)
  return file === '-' ? terminal.input() : readFile(file)
}

/** All of the text, or nothing: what is wrong with it has been told then. */
function snapshotFrom(text: Uint8Array, identity: Labels, { err }: Terminal): Snapshot | undefined {
  const { families, faults } = readPushed(text)
  for (const fault of faults) err(`hostpush: ${fault}\n`)
  if (faults.length === 0 && families.length > 0) return snapshotOf(families, identity, Math.floor(systemClock.now()))
  err(`hostpush: nothing is sent${faults.length === 0 ? ': there is no sample in the input' : ''}\n`)
  return undefined
}

/** The outputs for samples of these labels: they are added to what a receiver has under them. */
const addingTo = (outputs: Config['outputs'], labels: Labels): Config['outputs'] =>
  outputs.map(({ kind, options }) => ({ kind, options: kind.adding?.(options, labels) ?? options }))
