import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { constants as system } from 'node:os'
import { type Inherited, stdioOf, wrapped } from './inherited.ts'

/** Exit statuses of a shell for a command that could not be started, and the base for a signal. */
const notFound = 127
const notStarted = 126
const endedBySignal = 128

export interface Command {
  readonly pid: number
  /** Exit status of the command as in a shell: 128 plus the signal number if a signal ended it. */
  readonly ended: Promise<number>
  /** Does nothing if the command has ended. */
  signal(name: NodeJS.Signals): void
}

/** A command that could not be started. */
export interface Unstarted {
  readonly status: number
  readonly reason: string
}

interface Deps {
  readonly environment: NodeJS.ProcessEnv
  readonly inherited: Inherited
  /** Shell commands to run before the command. */
  readonly first?: readonly string[]
}

/**
 * Starts a command with the terminal, standard streams, process group and session of hostpush, as a shell starts a
 * command in the foreground.
 */
export async function startCommand(
  words: readonly string[],
  { environment, inherited, first }: Deps,
): Promise<Command | Unstarted> {
  const [name = ''] = words
  const problem = startProblem(name, environment['PATH'])
  if (problem !== undefined) return problem
  const [file = '', ...args] = wrapped(words, inherited, first)
  let child: ChildProcess
  try {
    child = spawn(file, args, { stdio: stdioOf(inherited), env: environment })
  } catch (error) {
    return unstarted(name, error)
  }
  const { pid } = child
  if (pid === undefined) {
    const error = await new Promise<unknown>((resolve) => child.once('error', resolve))
    return unstarted(name, error)
  }
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? endedBySignal + system.signals[signal ?? 'SIGKILL']))
  })
  child.on('error', () => {}) // a signal could not be sent: the command has ended, or runs as another user now
  return { pid, ended, signal: (signal) => child.kill(signal) }
}

const unstarted = (name: string, error: unknown): Unstarted => ({
  status: notStarted,
  reason: `${name}: failed to start: ${error instanceof Error ? error.message : error}`,
})

/** Why a shell would not start this command; undefined if it would. Searches PATH unless the name has a slash. */
function startProblem(name: string, path = '/usr/local/bin:/bin:/usr/bin'): Unstarted | undefined {
  const places = name.includes('/') ? [name] : path.split(':').map((folder) => `${folder || '.'}/${name}`)
  const kinds = name === '' ? [] : places.map(kindOf)
  if (kinds.includes('program')) return undefined
  if (kinds.includes('other')) return { status: notStarted, reason: `${name}: not executable` }
  return { status: notFound, reason: `${name}: command not found` }
}

function kindOf(path: string): 'program' | 'other' | 'missing' {
  try {
    if (!statSync(path).isFile()) return 'other'
    accessSync(path, constants.X_OK)
    return 'program'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'other' : 'missing'
  }
}
