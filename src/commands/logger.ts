import { systemClock } from '../clock.ts'
import type { Terminal } from '../command.ts'
import type { Config } from '../config/index.ts'
import { createLog, type Log } from '../log.ts'

/** The log of a command: to standard error, as it was configured. */
export const logOf = ({ log }: Pick<Config, 'log'>, terminal: Pick<Terminal, 'err'>): Log =>
  createLog(log.level, log.format, terminal.err, systemClock.now)
