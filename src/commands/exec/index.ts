import { writeSync } from 'node:fs'
import { basename } from 'node:path'
import type { DeliveryResult } from '../../batch/index.ts'
import { ConfigError } from '../../config/error.ts'
import type { Config } from '../../config/index.ts'
import type { Labels } from '../../metrics/index.ts'
import { type RunningJob, remoteJob, startJob } from '../../process/index.ts'
import { systemClock, withTimeout } from '../../util/clock.ts'
import { type CommandLine, type Flag, type ParsedFlags, UsageError } from '../../util/flags.ts'
import { messageOf } from '../../util/log.ts'
import { plural } from '../../util/plural.ts'
import { type Command, privateUmask, type Terminal } from '../command.ts'
import { graceMs, lateText, targetConfig, targetFlags, timeoutFlag } from '../destination.ts'
import { failureTexts, printWarnings } from '../result.ts'
import { durationOf, labelFlag, labelsOf } from '../shared-flags.ts'
import { pushByRecorder, type Recorder, recorderVariable } from './recorder.ts'

const job: Flag = {
  name: 'job',
  kind: 'value',
  value: 'NAME',
  help: 'The job_name label of the run. Default: the file name of the command.',
}
const instance: Flag = {
  name: 'instance',
  kind: 'value',
  value: 'NAME',
  help: 'The instance label of everything that exec pushes. If it is set, exec also collects the host metrics while an agent runs. Default: the host name.',
}
const interval: Flag = {
  name: 'interval',
  kind: 'value',
  value: 'DURATION',
  help: 'Time between collections. Default: scrape_interval of the configuration, or 15s.',
}
const killAfter: Flag = {
  name: 'kill-after',
  kind: 'value',
  value: 'DURATION',
  help: 'Time from SIGTERM to SIGKILL for the command and its children. Default: never send SIGKILL.',
}
const reserved = [
  ['job', 'the configuration sets the job; --job names the run'],
  ['job_name', 'use --job for the name of the run'],
  ['parallel', 'hostpush sets parallel to distinguish concurrent runs of one job'],
] as const
const logLevel: Flag = {
  name: 'log.level',
  kind: 'value',
  value: 'LEVEL',
  fallback: 'error',
  help: 'Lowest level to log: debug, info, warn or error.',
}

/** Timeout for the start of another process that pushes. */
const recorderStartMs = 30_000

/** Starts the command first, and then loads the code that pushes. */
export default {
  name: 'exec',
  summary:
    'Runs a command, pushes host metrics while it runs, and pushes its duration, exit status and resource usage at the end.\n' +
    'Errors of hostpush never stop the command.',
  usage: '[flags] -- COMMAND [ARG...]',
  examples: [
    [
      'Watch a backup',
      'hostpush exec --remote-write.url=http://prometheus:9090/api/v1/write --job=backup -- /usr/local/bin/backup',
    ],
    [
      'In a crontab',
      '0 3 * * * /usr/local/bin/hostpush exec --config.file=/etc/hostpush/config.json -- /usr/local/bin/backup',
    ],
    ['Kill the command 30 s after SIGTERM', 'hostpush exec --config.file=config.json --kill-after=30s -- make test'],
  ],
  exitStatuses: [
    ['N', 'the exit status of the command'],
    ['128+N', 'signal N ended the command'],
    ['126', 'the command cannot be started'],
    ['127', 'the command was not found'],
  ],
  flags: (terminal) => [
    ...targetFlags(terminal),
    job,
    {
      ...labelFlag,
      help: 'Label to add to the metrics of the run. An empty value removes the label: --label=instance=',
    },
    instance,
    interval,
    { ...timeoutFlag, help: 'Maximum time after the command ends to collect once more and to deliver.' },
    killAfter,
    logLevel,
  ],
  operands: 'program',
  stops: 'itself',
  async run(given, terminal) {
    const { environment } = terminal
    if (given.operands.length === 0)
      throw new UsageError('no command to run: hostpush exec [flags] -- COMMAND [ARG...]')
    process.on('uncaughtException', printError) // no error of hostpush may stop the command
    const options = execOptions(given, terminal)
    const user = environment[recorderVariable]
    if (user !== undefined) return await record(given, user, options)
    const running = await startJob(given.operands, {
      clock: systemClock,
      environment,
      killAfterMs: options?.killAfterMs,
    })
    process.umask(privateUmask) // after the start of the command, which inherits that of the caller
    if (running.problem !== undefined) printError(running.problem)
    const reported = options && { done: push(given, options, running).catch(printError), ...options }
    const status = await running.status
    if (reported !== undefined && !(await isInTime(reported))) printError(lateText)
    return status
  },
} satisfies Command

/** The parts of the terminal that are used while the command runs. */
type Surroundings = Pick<Terminal, 'environment' | 'outputKinds' | 'ownProgram' | 'restartAs'>

interface ExecOptions {
  readonly surroundings: Surroundings
  readonly labels: Labels
  readonly timeoutMs: number
  readonly killAfterMs: number | undefined
  /** Starts the process that pushes, if root leaves that to another user's process. */
  readonly recorder: Recorder
}

/** Waits until everything is delivered or kept; false after the timeout. The start of another process does not count. */
async function isInTime({
  done,
  timeoutMs,
  recorder,
}: ExecOptions & { readonly done: Promise<void> }): Promise<boolean> {
  const ms = timeoutMs + graceMs
  const outcome = await withTimeout(systemClock, ms, Promise.race([done, recorder.started.promise]))
  if (outcome !== 'recorder') return outcome !== 'late'
  await withTimeout(systemClock, recorderStartMs, Promise.race([done, recorder.ready.promise]))
  return (await withTimeout(systemClock, ms, done)) !== 'late'
}

/** Undefined if the flags are wrong; the error is printed, and the command runs without pushing. */
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
      recorder: { started: Promise.withResolvers(), ready: Promise.withResolvers() },
    }
  } catch (error) {
    printError(error)
    return undefined
  }
}

/**
 * Pushes until the command has ended and the last samples are delivered or kept. If the buffer directory belongs to another
 * user, root leaves this to a process of that user.
 */
async function push({ flags }: CommandLine, options: ExecOptions, running: RunningJob): Promise<void> {
  const { collectors } = await import('../../collectors/index.ts')
  const { inMemory, ownerToBecome } = await import('../owner.ts')
  const config = await targetConfig(flags, options.surroundings, collectors)
  const { owner, problem } = await ownerToBecome(config.buffer)
  const parts = { recorder: options.recorder, ...options.surroundings }
  if (owner !== undefined && (await pushByRecorder(owner, running, parts))) return
  if (problem !== undefined) printError(problem)
  const isUsable = owner === undefined && problem === undefined
  await pushConfigured(flags, { ...options, config: isUsable ? config : inMemory(config) }, running)
}

/** The process that pushes for an `exec` of root: it becomes the owner of the buffer directory first. */
async function record({ flags }: CommandLine, user: string, options: ExecOptions | undefined): Promise<number> {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {})
  if (options === undefined) return 0 // the other process prints the error
  try {
    const [uid = 0, gid = 0] = user.split(':').map(Number)
    if (process.geteuid?.() === 0 && !(uid > 0)) throw new Error(`${recorderVariable}: ${user} is not a user`)
    if (process.geteuid?.() === 0)
      await options.surroundings.restartAs({ uid, gid }, (await import('../owner.ts')).keptBy.batch)
    const { collectors } = await import('../../collectors/index.ts')
    const config = await targetConfig(flags, options.surroundings, collectors)
    const running = remoteJob({ input: process.stdin, output: process.stdout }, () => process.exit(1))
    await pushConfigured(flags, { ...options, config }, running)
  } catch (error) {
    printError(error)
  }
  process.exit(0) // standard input is still open
}

/** Loads the code that pushes, and pushes. */
async function pushConfigured(
  flags: ParsedFlags,
  { labels, timeoutMs, config, surroundings }: ExecOptions & { readonly config: Config },
  running: RunningJob,
): Promise<void> {
  const { pushDuringExec } = await import('../../batch/index.ts')
  const { connect } = await import('../../http/index.ts')
  const { thisBoot } = await import('../../host/index.ts')
  const { batchLogOf } = await import('../logger.ts')
  const { protectionOf } = await import('../hardware/protection.ts')
  printWarnings(config, { err: write })
  const log = batchLogOf(config, { terminal: { err: write }, isLevelSet: flags.has(logLevel.name) })
  config.files.reportTo(log)
  const results = await pushDuringExec(
    config,
    { labels, running },
    {
      clock: systemClock,
      log,
      connect,
      bootId: thisBoot(),
      timeoutMs,
      hasOwnInstance: flags.has(instance.name),
      protection: protectionOf(surroundings, 'trial'),
    },
  )
  printResults(results)
}

/** One line for each output with undelivered samples. A full success prints nothing between the lines of the command. */
function printResults(results: readonly DeliveryResult[]): void {
  const count = (samples: number) => plural(samples, 'sample')
  for (const text of failureTexts(results, count, ({ name }) => name)) printError(text) // series of the host and of the job have different logs
}

function printError(error: unknown): void {
  const problems = error instanceof ConfigError ? error.problems : [messageOf(error)]
  for (const problem of problems) write(`hostpush: ${problem}\n`)
}

/** Writes to the descriptor: a stream of Node makes a pipe non-blocking, which affects the command that shares it. */
function write(text: string): void {
  try {
    writeSync(2, text)
  } catch {
    // a failed write to standard error must not affect the command
  }
}
