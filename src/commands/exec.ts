import { writeSync } from 'node:fs'
import { basename } from 'node:path'
import type { DeliveryResult } from '../batch/index.ts'
import { ConfigError } from '../config/error.ts'
import type { Labels } from '../metrics/index.ts'
import { type Job, startJob } from '../process/index.ts'
import { systemClock, withTimeout } from '../util/clock.ts'
import { type CommandLine, type Flag, UsageError } from '../util/flags.ts'
import { messageOf } from '../util/log.ts'
import { plural } from '../util/plural.ts'
import type { Command, Terminal } from './command.ts'
import { targetConfig, targetFlags, timeoutFlag } from './destination.ts'
import { failureKinds, printWarnings } from './result.ts'
import { durationOf, labelFlag, labelsOf } from './shared-flags.ts'

const job: Flag = { name: 'job', kind: 'value', help: 'The job_name of the run; the name of the command without it.' }
const instance: Flag = {
  name: 'instance',
  kind: 'value',
  help: 'An instance of its own for all that is pushed: then an agent on this host is no reason to leave the host to it.',
}
const interval: Flag = {
  name: 'interval',
  kind: 'value',
  help: 'How often to collect; the scrape_interval of the configuration, or 15s, without it.',
}
const killAfter: Flag = {
  name: 'kill-after',
  kind: 'value',
  help: 'SIGKILL to what is left of the command so long after a SIGTERM; without it the command is waited for.',
}
const reserved = [
  ['job', 'the job is that of the configuration; a run is named by --job'],
  ['job_name', 'a run is named by --job'],
  ['parallel', 'parallel tells runs of one job apart that go on at the same time'],
] as const
const logLevel: Flag = {
  name: 'log.level',
  kind: 'value',
  fallback: 'error',
  help: 'Least important lines to log: debug, info, warn, error.',
}

/** Past the timeout, for what cannot be called off: the command's exit status is waited for by somebody. */
const graceMs = 1000

/** The command is started before anything is loaded that it does not need to be. */
export default {
  name: 'exec',
  summary:
    'Runs a command, and pushes the metrics of the host while it runs and how it went when it has ended.\n' +
    'The command runs whatever is wrong here. Its exit status is the status: 128 and the number of the signal where one\n' +
    'has ended it, 127 where it was not found, 126 where it could not be started.',
  usage: '[flags] -- COMMAND [ARG...]',
  flags: (terminal) => [
    ...targetFlags(terminal),
    job,
    { ...labelFlag, help: 'name=value: a label of what is told of the run; an empty value takes away instance.' },
    instance,
    interval,
    { ...timeoutFlag, help: 'How long it may take at the end to collect once more and to deliver.' },
    killAfter,
    logLevel,
  ],
  operands: 'program',
  async run(given, { environment, outputKinds }) {
    if (given.operands.length === 0) throw new UsageError('which command? hostpush exec [flags] -- COMMAND [ARG...]')
    process.on('uncaughtException', printError) // whatever it is, the command goes on
    const wishes = execOptions(given, { environment, outputKinds })
    const running = await startJob(given.operands, {
      clock: systemClock,
      environment,
      killAfterMs: wishes?.killAfterMs,
    })
    if (running.problem !== undefined) printError(running.problem)
    const pushed = wishes === undefined ? undefined : push(given, wishes, running)
    const told = pushed?.catch(printError)
    const status = await running.status
    const outcome = told && (await withTimeout(systemClock, (wishes?.timeoutMs ?? 0) + graceMs, told))
    if (outcome === 'late')
      printError('cut short after the timeout: what is in the buffer is delivered by the next command')
    return status
  },
} satisfies Command

/** What of the terminal is used once the command runs. */
type Surroundings = Pick<Terminal, 'environment' | 'outputKinds'>

interface ExecOptions {
  readonly surroundings: Surroundings
  readonly labels: Labels
  readonly timeoutMs: number
  readonly killAfterMs: number | undefined
}

/** Undefined where the flags cannot be understood, which has been told then: the command runs all the same. */
function execOptions(
  { flags, operands, usageError }: CommandLine,
  surroundings: Surroundings,
): ExecOptions | undefined {
  try {
    if (usageError !== undefined) throw usageError
    durationOf(flags, interval)
    return {
      surroundings,
      labels: { ...labelsOf(flags, reserved), job_name: String(flags.get(job.name) || basename(operands[0] ?? '')) },
      timeoutMs: durationOf(flags, timeoutFlag),
      killAfterMs: durationOf(flags, killAfter),
    }
  } catch (error) {
    printError(error)
    return undefined
  }
}

/** Loads all that pushing needs, and pushes until the command has ended and its last samples are delivered or kept. */
async function push(
  { flags }: CommandLine,
  { labels, timeoutMs, surroundings }: ExecOptions,
  running: Job,
): Promise<void> {
  const { pushDuringExec } = await import('../batch/index.ts')
  const { collectors } = await import('../collectors/index.ts')
  const { connect } = await import('../http/index.ts')
  const { thisBoot } = await import('../host/index.ts')
  const { logOf } = await import('./logger.ts')
  const config = await targetConfig(flags, surroundings, collectors)
  printWarnings(config, { err: write })
  const level = flags.has(logLevel.name) ? config.log.level : 'error'
  const results = await pushDuringExec(
    config,
    { labels, running },
    {
      clock: systemClock,
      log: logOf({ log: { ...config.log, level } }, { err: write }),
      connect,
      bootId: thisBoot(),
      timeoutMs,
      hasOwnInstance: flags.has(instance.name),
    },
  )
  printResults(results)
}

/** What has not arrived, in a line for each output; that all has is not worth a line among those of the command. */
function printResults(results: readonly DeliveryResult[]): void {
  for (const name of new Set(results.map((one) => one.name))) {
    for (const { kind, said } of failureKinds) {
      const here = results.filter((one) => one.name === name && one[kind] > 0)
      const samples = here.reduce((sum, one) => sum + one[kind], 0)
      if (samples > 0)
        printError(`${said}: ${plural(samples, 'sample')} for ${name} (${here[0]?.url}): ${here[0]?.reason}`)
    }
  }
}

function printError(error: unknown): void {
  const problems = error instanceof ConfigError ? error.problems : [messageOf(error)]
  for (const problem of problems) write(`hostpush: ${problem}\n`)
}

/** Standard error as it is: a stream of Node's would make a pipe non-blocking, for the command too. */
function write(text: string): void {
  try {
    writeSync(2, text)
  } catch {
    // nobody reads it, and the command matters more
  }
}
