import type { Config } from '../config/index.ts'
import type { Terminal } from './command.ts'

/** What was configured, and perhaps not meant: a line each for who reads the lines of a command; none at the level error. */
export function printWarnings(
  { warnings, log }: Pick<Config, 'warnings' | 'log'>,
  { err }: Pick<Terminal, 'err'>,
): void {
  if (log.level !== 'error') for (const doubt of warnings) err(`hostpush: warning: ${doubt}\n`)
}
