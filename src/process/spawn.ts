import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { constants as system } from 'node:os'
import { type Inherited, stdioOf, wrapped } from './inherited.ts'

/** Exit statuses of a command that could not be started, and of one that a signal ended: a shell's. */
const notFound = 127
const notStarted = 126
const endedBySignal = 128

export interface Command {
  readonly pid: number
  /** Its exit status, as a shell tells it. */
  readonly ended: Promise<number>
  /** Nothing happens where it has ended. */
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
  /** What a shell does before it becomes the command. */
  readonly first?: readonly string[]
}

/**
 * Starts a command with our terminal, standard streams, process group and session, as a shell's child in the
 * foreground has them.
 */
export async function startCommand(
  words: readonly string[],
  { environment, inherited, first }: Deps,
): Promise<Command | Unstarted> {
  const [name = ''] = words
  const problem = troubleWith(name, environment['PATH'])
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
  child.on('error', () => {}) // a signal that cannot be sent: it has ended, or is another user's by now
  return { pid, ended, signal: (signal) => child.kill(signal) }
}

const unstarted = (name: string, error: unknown): Unstarted => ({
  status: notStarted,
  reason: `${name}: cannot be started: ${error instanceof Error ? error.message : error}`,
})

/** Why a shell would not start this, found as it does: in PATH unless the name has a slash. */
function troubleWith(name: string, path = '/usr/local/bin:/bin:/usr/bin'): Unstarted | undefined {
  const places = name.includes('/') ? [name] : path.split(':').map((folder) => `${folder || '.'}/${name}`)
  const found = name === '' ? [] : places.map(kindOf)
  if (found.includes('program')) return undefined
  if (found.includes('other')) return { status: notStarted, reason: `${name}: is not executable` }
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
