import type { RegisteredKind } from '../output.ts'
import type { CommandLine, Flag } from '../util/flags.ts'

/** What a command may touch of the process it runs in. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  out(text: string): void
  err(text: string): void
  /** All of standard input, to its end. */
  input(): Promise<Uint8Array>
  /** True where `out` goes to a person. */
  readonly isTTY: boolean
  /** Aborts at the first SIGTERM or SIGINT since it was first asked for; a second one ends the process at once. */
  readonly stop: AbortSignal
  /** The kinds of output that a configuration may name. */
  readonly outputKinds: readonly RegisteredKind[]
  /** From here on SIGHUP does this, and no longer ends the process. */
  onHangup(work: () => void): void
}

/** One word after `hostpush`. */
export interface Command {
  readonly name: string
  readonly summary: string
  /** What stands behind the name in the usage line. */
  readonly usage: string
  readonly flags: (terminal: Pick<Terminal, 'outputKinds'>) => Promise<readonly Flag[]> | readonly Flag[]
  /**
   * Whether it takes words that are no flags; where it does not, one is a mistake. `program`: the first of them and all
   * that follow are another program's command line, which is run even where the flags before it are misused.
   */
  readonly operands?: 'taken' | 'program'
  /** Gives the exit status. ConfigError and UsageError are shown by the caller. */
  run(given: CommandLine, terminal: Terminal): Promise<number>
}
