import type { Config } from '../config/index.ts'
import { systemClock } from '../util/clock.ts'
import { createLog, type Log } from '../util/log.ts'
import type { Terminal } from './command.ts'

/** The log of a command: to standard error, as it was configured. */
export const logOf = ({ log }: Pick<Config, 'log'>, terminal: Pick<Terminal, 'err'>): Log =>
  createLog(log.level, log.format, terminal.err, systemClock.now)
