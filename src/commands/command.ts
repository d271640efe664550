import type { Capability, ProgramWords, User } from '../host/index.ts'
import type { RegisteredKind } from '../output.ts'
import type { CommandLine, Flag } from '../util/flags.ts'

/** Files and sockets are for this user only, whatever the umask of the caller. */
export const privateUmask = 0o077

/** The parts of the process that a command may use. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  out(text: string): void
  err(text: string): void
  /** Reads standard input to its end. Rejects if it has more than `maxBytes`. */
  input(maxBytes: number): Promise<Uint8Array>
  /** Whether standard output is a terminal. */
  readonly isTTY: boolean
  /**
   * Aborts at the first SIGTERM or SIGINT after the first read of this property. Another one within a second has no effect;
   * a later one ends the process.
   */
  readonly stop: AbortSignal
  /** The kinds of output that a configuration can contain. */
  readonly outputKinds: readonly RegisteredKind[]
  /** The file and the first arguments of this program, before its command; undefined if this process cannot start it. */
  readonly ownProgram?: ProgramWords | undefined
  /** Starts the same command line again, as another user with these capabilities. Does not return. */
  restartAs(user: User, keep: readonly Capability[]): Promise<never>
  /** Replaces the line that is written before a signal during the stop ends the process. */
  onForcedStop(work: (signal: string) => void): void
  /** Handles SIGHUP with `work`. Without a handler SIGHUP ends the process. */
  onHangup(work: () => void): void
}

/** A command: the first word after `hostpush`. */
export interface Command {
  readonly name: string
  /** What the command does, in a sentence or two. */
  readonly summary: string
  /** The arguments, for the usage line. */
  readonly usage: string
  readonly examples: readonly (readonly [comment: string, commandLine: string])[]
  /** Exit statuses for the help of commands that scripts call. */
  readonly exitStatuses?: readonly (readonly [status: string, meaning: string])[]
  readonly flags: (terminal: Pick<Terminal, 'outputKinds'>) => Promise<readonly Flag[]> | readonly Flag[]
  /**
   * `accepted`: the command accepts arguments that are not flags. `program`: the first of them starts the command line
   * of another program; it runs even if the flags before it are wrong. Undefined: such an argument is a usage error.
   */
  readonly operands?: 'accepted' | 'program'
  /**
   * `itself`: the command ends when `terminal.stop` aborts, within limits that it sets. Otherwise the caller ends it at once.
   */
  readonly stops?: 'itself'
  /** Returns the exit status. The caller prints ConfigError and UsageError. */
  run(given: CommandLine, terminal: Terminal): Promise<number>
}
