import type { Config } from '../config/index.ts'
import { systemClock } from '../util/clock.ts'
import { createLog, type Fields, type Log } from '../util/log.ts'
import type { Terminal } from './command.ts'

/** The log of a command. It writes to standard error, with the configured level and format. */
export const logOf = ({ log }: Pick<Config, 'log'>, terminal: Pick<Terminal, 'err'>): Log =>
  createLog(log.level, log.format, terminal.err, systemClock.now)

/**
 * The log of a command that ends with a result line. Without `--log.level` it logs errors only, and not those of outputs:
 * the result line reports them.
 */
export function batchLogOf(
  { log, outputs }: Pick<Config, 'log' | 'outputs'>,
  { terminal, isLevelSet }: { readonly terminal: Pick<Terminal, 'err'>; readonly isLevelSet: boolean },
): Log {
  if (isLevelSet) return logOf({ log }, terminal)
  const errors = logOf({ log: { ...log, level: 'error' } }, terminal)
  const components = new Set(outputs.map(({ kind }) => kind.component))
  const error = (text: string, fields?: Fields) => {
    if (!components.has(String(fields?.['component']))) errors.error(text, fields)
  }
  return { ...errors, error }
}
