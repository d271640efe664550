import type { Command, Terminal } from './commands/command.ts'
import { commands } from './commands/index.ts'
import { ConfigError } from './config/error.ts'
import { outputKinds } from './output-kinds.ts'
import { didYouMean } from './util/did-you-mean.ts'
import { beforeProgram, flagHelp, parseBeforeProgram, parseFlags, UsageError } from './util/flags.ts'
import { messageOf } from './util/log.ts'
import { build, platform } from './util/version.ts'

export { outputKinds }

/** Exit statuses: 0 well, 1 it failed, 2 the command line cannot be understood. */
const failed = 1
const usageError = 2

/** Runs one command line and gives its exit status. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [word, ...args] = argv
  try {
    if (word === '--version' || word === 'version') return write(terminal, version())
    if (word === undefined || word === '--help' || word === '-h' || word === 'help') return write(terminal, overview())
    const known = commands[word]
    if (known === undefined) throw new UsageError(`unknown command ${word}${didYouMean(word, Object.keys(commands))}`)
    const { default: command } = await known.load()
    const flags = await command.flags(terminal)
    const isProgram = command.operands === 'program'
    const own = isProgram ? beforeProgram(args, flags).own : args
    if (isRequested(own, '--help', '-h')) return write(terminal, await helpOf(command, terminal))
    const parsed = isProgram ? parseBeforeProgram(args, flags) : parseFlags(args, flags)
    const [stranger] = parsed.operands
    if (stranger !== undefined && command.operands === undefined) throw new UsageError(`unexpected ${stranger}`)
    if (!isProgram) void terminal.stop // watched from here on, and not from where it is first waited for
    return await command.run(parsed, terminal)
  } catch (error) {
    return printError(error, word, terminal)
  }
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

/** Looks no further than `--`: what follows it is another program's. */
function isRequested(args: readonly string[], ...words: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? undefined : end).some((arg) => words.includes(arg))
}

const version = () =>
  `hostpush, version ${build.version} (branch: ${build.branch}, revision: ${build.revision})\n  runtime: node ${platform.runtime}\n  platform: linux/${platform.arch}\n`

function overview(): string {
  const names = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}\n`)
  return `hostpush: node_exporter for hosts that nobody can scrape; it pushes what it reads.\n\nUsage: hostpush COMMAND [flags]\n\n${names.join('')}\n  COMMAND --help shows a command's flags; --version shows the version.\n`
}

async function helpOf(command: Command, terminal: Terminal): Promise<string> {
  const flags = flagHelp(await command.flags(terminal))
  return `Usage: hostpush ${command.name} ${command.usage}\n\n${command.summary}\n${flags === '' ? '' : `\nFlags:\n${flags}`}`
}

/**
 * The process's own terminal and signals. None is touched before it is used: `exec` leaves all of them to its command,
 * and Node makes a pipe that it opens as a stream non-blocking, for whoever else has it too.
 */
function processTerminal(): Terminal & { end(status: number): void } {
  let stop: AbortController | undefined
  let hasWritten = false
  let complains = false
  return {
    environment: process.env,
    outputKinds,
    out(text) {
      if (!hasWritten) process.stdout.on('error', failedOutput)
      hasWritten = true
      process.stdout.write(text)
    },
    err(text) {
      if (!complains) process.stderr.on('error', () => {}) // a log that cannot be written, for a full disk say, stops no work
      complains = true
      process.stderr.write(text)
    },
    input: async () => Buffer.concat(await process.stdin.toArray({ signal: stopping().signal })),
    get isTTY() {
      return process.stdout.isTTY === true
    },
    get stop() {
      return stopping().signal
    },
    onHangup: (work) => process.on('SIGHUP', work),
    end(status) {
      if (!hasWritten) process.exit(status)
      // When all is written: what a fault has left open, a server say, must not keep the process.
      process.stdout.write('', (error) => process.exit(error ? outputError(error) : status))
    },
  }

  function stopping(): AbortController {
    if (stop !== undefined) return stop
    const made = new AbortController()
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (made.signal.aborted) process.exit(failed)
        made.abort(new Error(`stopped by ${signal}`))
      })
    }
    stop = made
    return made
  }

  function failedOutput(error: NodeJS.ErrnoException): void {
    const status = outputError(error)
    if (status === 0) stopping().abort(error)
    else process.exit(status)
  }
}

/** Standard output cannot be written: no fault of ours where whoever read it has gone. Gives the exit status. */
function outputError(error: NodeJS.ErrnoException): number {
  if (error.code === 'EPIPE') return 0
  process.stderr.write(`hostpush: standard output cannot be written: ${error.message}\n`)
  return failed
}

// No top-level await: the bundle is CommonJS, because that starts faster.
if (import.meta.main) {
  const terminal = processTerminal()
  void main(process.argv.slice(2), terminal).then(terminal.end)
}
