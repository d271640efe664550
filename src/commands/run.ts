import { createAgent, logWarnings, type Supervisor } from '../agent.ts'
import { collectors } from '../collectors/index.ts'
import { ConfigError } from '../config/error.ts'
import { configFlags, readConfig } from '../config/index.ts'
import { createNotify } from '../host/index.ts'
import { connect } from '../http/index.ts'
import { loadKinds } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { build, platform } from '../util/version.ts'
import type { Command, Terminal } from './command.ts'
import { kindNames } from './destination.ts'
import { logOf } from './logger.ts'

export default {
  name: 'run',
  summary: 'Collects at an interval and pushes to the endpoints of the configuration, until SIGTERM or SIGINT.',
  usage: '[flags]',
  flags: () => configFlags(collectors),
  async run({ flags }, terminal) {
    let isAsked = false
    let onHangup = () => {
      isAsked = true
    }
    terminal.onHangup(() => onHangup())
    const outputKinds = await loadKinds(terminal.outputKinds)
    const reread = () => readConfig({ flags, environment: terminal.environment, collectors, outputKinds })
    const config = await reread()
    const outputs = config.outputs.length
    if (outputs === 0 && config.web.listenAddresses.length + config.web.sockets.length === 0) {
      throw new ConfigError([
        `there is nothing to do: name an endpoint (${kindNames(terminal.outputKinds)}) in --config.file, or a --web.listen-address`,
      ])
    }
    const log = logOf(config, terminal)
    log.info('agent: starting', { version: build.version, revision: build.revision, node: platform.runtime })
    if (outputs === 0) log.warn('agent: no endpoint is configured: nothing is pushed, only /metrics is served')
    if (flags.has('runtime.gomaxprocs')) log.info('agent: --runtime.gomaxprocs means nothing here: one thread collects')
    for (const note of config.decisions) log.info('agent: as the preset has it', { note })
    logWarnings(config, log)
    for (const { collector } of config.collectors) {
      if (collector.deprecated)
        log.warn('agent: this collector is deprecated in node_exporter', { collector: collector.name })
    }
    const supervisor = supervisorOf(terminal, log)
    const agent = await createAgent(config, { clock: systemClock, log, connect, supervisor, reread })
    onHangup = () => void agent.reload()
    if (isAsked) onHangup()
    log.info('agent: running', {
      interval: `${config.intervalMs / 1000}s`,
      collectors: config.collectors.map(({ collector }) => collector.name).join(','),
      ...config.identity,
    })
    const undelivered = await agent.run(terminal.stop)
    if (undelivered.length === 0) log.info('agent: stopped, everything is delivered')
    for (const { name, isBuffered, ...about } of undelivered) {
      const isSafe = isBuffered && agent.buffer.isSafe
      log.warn(`agent: stopped, what is not delivered is ${isSafe ? 'kept for the next start' : 'lost'}`, {
        ...{ remote_name: name, ...about },
      })
    }
    return 0
  },
} satisfies Command

/** systemd, where it has started this and says so: https://www.freedesktop.org/software/systemd/man/sd_notify.html */
function supervisorOf({ environment }: Terminal, log: Log): Supervisor {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid } = environment
  const isMeant = pid === undefined || Number(pid) === process.pid
  const watchdogMs = Number(microseconds) / 1000
  return {
    notify: createNotify(socket, { log }),
    watchdogMs: isMeant && watchdogMs > 0 ? watchdogMs : undefined,
  }
}
