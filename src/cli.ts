import { addAbortSignal, type Readable } from 'node:stream'
import { privateUmask, type Terminal } from './commands/command.ts'
import {
  collectorHelp,
  commands,
  examplesText,
  formerFlags,
  hasCollectorFlags,
  helperWord,
  helpOf,
  serveHelper,
} from './commands/index.ts'
import { ConfigError } from './config/error.ts'
import { outputKinds } from './output-kinds.ts'
import { systemClock } from './util/clock.ts'
import { graceAfter } from './util/deadline.ts'
import { didYouMean } from './util/did-you-mean.ts'
import { beforeProgram, parseBeforeProgram, parseFlags, UsageError } from './util/flags.ts'
import { messageOf } from './util/log.ts'
import { build, platform } from './util/version.ts'

export { outputKinds }

/** Exit statuses. 0: success. */
const failed = 1
/** The command line is wrong. */
const usageError = 2

/** Signals within this time are one request to stop: systemd and supervisors may send several. */
const sameStopMs = 1000

/** Runs one command line and returns its exit status. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [word, ...args] = argv
  try {
    if (word === '--version' || word === 'version') return write(terminal, version())
    if (word === undefined || word === '--help' || word === '-h' || word === 'help') return write(terminal, overview())
    if (word === helperWord) return await serveHelper()
    const known = commands[word]
    if (known === undefined) throw new UsageError(`unknown command ${word}${didYouMean(word, Object.keys(commands))}`)
    const { default: command } = await known.load()
    const flags = await command.flags(terminal)
    const isProgram = command.operands === 'program'
    const own = isProgram ? beforeProgram(args, flags).own : args
    if (isRequested(own, '--help', '-h')) return write(terminal, await helpOf(command, terminal, false))
    if (isRequested(own, collectorHelp) && hasCollectorFlags(flags))
      return write(terminal, await helpOf(command, terminal, true))
    const parsed = (isProgram ? parseBeforeProgram : parseFlags)(args, flags, formerFlags)
    const [extra] = parsed.operands
    if (extra !== undefined && command.operands === undefined)
      throw new UsageError(`unexpected argument ${extra}, ${word} accepts only flags`)
    if (!isProgram) void terminal.stop // installs the signal handlers now, before the command awaits anything
    const running = command.run(parsed, terminal)
    return command.stops === 'itself' ? await running : await untilStop(running, terminal)
  } catch (error) {
    return printError(error, word, terminal)
  }
}

/** The result of a command, or an error when `stop` aborts while it runs. */
async function untilStop(running: Promise<number>, terminal: Terminal): Promise<number> {
  const { stop } = terminal
  const outcome = await graceAfter(systemClock, running, { signal: stop, graceMs: 0 })
  if (outcome !== 'late') return outcome
  if ((stop.reason as NodeJS.ErrnoException).code === 'EPIPE') return 0
  throw stop.reason
}

function write(terminal: Terminal, text: string): number {
  terminal.out(text)
  return 0
}

function printError(error: unknown, word: string | undefined, terminal: Terminal): number {
  if (error instanceof UsageError) {
    terminal.err(
      `hostpush: ${error.message}\nTry: hostpush ${commands[word ?? ''] === undefined ? '' : `${word} `}--help\n`,
    )
    return usageError
  }
  if (error instanceof ConfigError) for (const problem of error.problems) terminal.err(`hostpush: ${problem}\n`)
  else terminal.err(`hostpush: ${messageOf(error)}\n`)
  return failed
}

/** Arguments after `--` belong to another program. */
function isRequested(args: readonly string[], ...words: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? undefined : end).some((arg) => words.includes(arg))
}

const version = () =>
  `hostpush, version ${build.version} (branch: ${build.branch}, revision: ${build.revision})\n  runtime: node ${platform.runtime}\n  platform: linux/${platform.arch}\n`

function overview(): string {
  const names = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}\n`)
  return [
    'Usage: hostpush COMMAND [flags]\n\n',
    'hostpush collects host metrics as node_exporter does and pushes them by Prometheus remote-write or to a Pushgateway.\n',
    examplesText(examples),
    `\nCommands:\n${names.join('')}`,
    '\nFlags:\n  --version                       Show the version.\n',
    '  COMMAND --help                  Show examples and flags of a command.\n',
    `  COMMAND ${collectorHelp}       Also show the collector flags.\n`,
  ].join('')
}

const examples = [
  ['See it work, without a configuration', 'hostpush demo'],
  ['Find errors in a configuration', 'hostpush check --config.file=/etc/hostpush/config.json'],
  [
    'Test DNS, TLS, credentials and permissions; nothing is stored',
    'hostpush doctor --config.file=/etc/hostpush/config.json',
  ],
  ['Run the agent', 'hostpush run --config.file=/etc/hostpush/config.json'],
] as const

/**
 * The streams and signals of the process. Nothing is opened before its first use: `exec` leaves all of them to the command
 * that it runs, and Node makes a pipe that it opens as a stream non-blocking, also for other processes that share it.
 */
function processTerminal(): Terminal & { end(status: number): void } {
  let stop: AbortController | undefined
  let hasWritten = false
  let isErrorHandled = false
  let onForcedStop = (signal: string) => {
    process.stderr.write(`hostpush: ${signal} during the stop, exiting at once\n`)
  }
  return {
    environment: process.env,
    outputKinds,
    out(text) {
      if (!hasWritten) process.stdout.on('error', failedOutput)
      hasWritten = true
      process.stdout.write(text)
    },
    err(text) {
      if (!isErrorHandled) process.stderr.on('error', () => {}) // a failing write of the log, for example on a full disk, must not stop the command
      isErrorHandled = true
      process.stderr.write(text)
    },
    input: (maxBytes) => readAll(process.stdin, maxBytes, stopping().signal),
    get isTTY() {
      return process.stdout.isTTY === true
    },
    get stop() {
      return stopping().signal
    },
    get ownProgram() {
      const [, script] = process.argv
      return script === undefined ? undefined : ([process.execPath, ...process.execArgv, script] as const)
    },
    restartAs: async (user, keep) => (await import('./host/index.ts')).restartAs(user, keep),
    onHangup: (work) => process.on('SIGHUP', work),
    onForcedStop(work) {
      onForcedStop = work
    },
    end(status) {
      if (!hasWritten) process.exit(status)
      // Exits after the last write, even if an error left a server or a timer open.
      process.stdout.write('', (error) => process.exit(error ? outputError(error) : status))
    },
  }

  function stopping(): AbortController {
    if (stop !== undefined) return stop
    const controller = new AbortController()
    let firstMs: number | undefined
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        const nowMs = systemClock.monotonicMs()
        firstMs ??= nowMs
        if (!controller.signal.aborted) controller.abort(new Error(`stopped by ${signal}`))
        else if (nowMs - firstMs > sameStopMs) {
          onForcedStop(signal)
          process.exit(failed)
        }
      })
    }
    stop = controller
    return controller
  }

  function failedOutput(error: NodeJS.ErrnoException): void {
    const status = outputError(error)
    if (status === 0) stopping().abort(error)
    else process.exit(status)
  }
}

/** Reads a stream to its end. Rejects when it has more than `maxBytes`, or when the signal aborts. */
async function readAll(stream: Readable, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of addAbortSignal(signal, stream) as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > maxBytes) throw new Error(`standard input: larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Returns the exit status after a failed write to standard output. A closed pipe is not an error of this command. */
function outputError(error: NodeJS.ErrnoException): number {
  if (error.code === 'EPIPE') return 0
  process.stderr.write(`hostpush: cannot write to standard output: ${error.message}\n`)
  return failed
}

// No top-level await: the bundle is CommonJS, because that starts faster.
if (import.meta.main) {
  const terminal = processTerminal()
  const [, , word] = process.argv
  if (word !== 'exec') process.umask(privateUmask) // its command inherits the umask
  void main(process.argv.slice(2), terminal).then(terminal.end)
}
