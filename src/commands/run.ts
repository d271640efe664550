import { type Agent, agentMessages, createAgent, logWarnings, type Supervisor } from '../agent.ts'
import { collectors } from '../collectors/index.ts'
import { ConfigError } from '../config/error.ts'
import { configFlags, readConfig } from '../config/index.ts'
import { createNotify } from '../host/index.ts'
import { connect } from '../http/index.ts'
import { loadKinds } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import { graceAfter } from '../util/deadline.ts'
import type { ParsedFlags } from '../util/flags.ts'
import { type Log, messageOf, report } from '../util/log.ts'
import { build, platform } from '../util/version.ts'
import type { Command, Terminal } from './command.ts'
import { graceMs, kindNames } from './destination.ts'
import { protectionOf } from './hardware/protection.ts'
import { logOf } from './logger.ts'
import { becomeOwner, inMemory, keptBy } from './owner.ts'

export default {
  name: 'run',
  summary:
    'Runs the agent: collects at an interval and pushes to the configured outputs, until SIGTERM or SIGINT.\n' +
    'SIGHUP reloads the configuration.',
  usage: '[flags]',
  examples: [
    ['Run with a configuration file', 'hostpush run --config.file=/etc/hostpush/config.json'],
    ['Only serve /metrics, as node_exporter does', 'hostpush run --web.listen-address=:9100'],
    [
      'Collect only CPU and memory',
      'hostpush run --config.file=config.json --collector.disable-defaults --collector.cpu --collector.meminfo',
    ],
  ],
  exitStatuses: [
    ['0', 'stopped by SIGTERM or SIGINT'],
    ['1', 'the configuration has errors, or the agent cannot start'],
    ['2', 'the command line is wrong'],
  ],
  flags: () => configFlags(collectors),
  stops: 'itself',
  async run({ flags }, terminal) {
    const started = await graceAfter(systemClock, start(flags, terminal), { signal: terminal.stop, graceMs })
    if (started === 'late') {
      terminal.err(`hostpush: ${messageOf(terminal.stop.reason)} during the start\n`)
      return 0
    }
    const { agent, log } = started
    const undelivered = await agent.run(terminal.stop)
    if (undelivered.length === 0) report(log, agentMessages.stoppedClean)
    for (const { name, isBuffered, ...about } of undelivered) {
      const isSafe = isBuffered && agent.buffer.isSafe
      report(log, isSafe ? agentMessages.stoppedKept : agentMessages.stoppedLost, {
        ...{ remote_name: name, ...about },
      })
    }
    return 0
  },
} satisfies Command

/** Reads the configuration and builds the agent. */
async function start(flags: ParsedFlags, terminal: Terminal): Promise<{ readonly agent: Agent; readonly log: Log }> {
  let isReloadRequested = false
  let onHangup = () => {
    isReloadRequested = true
  }
  terminal.onHangup(() => onHangup())
  const outputKinds = await loadKinds(terminal.outputKinds)
  const sources = { flags, environment: terminal.environment, collectors, outputKinds }
  const configured = await readConfig(sources)
  const { files } = configured
  const reread = () => readConfig({ ...sources, files })
  const problem = await becomeOwner(configured.buffer, terminal, keptBy.run)
  const config = problem === undefined ? configured : inMemory(configured)
  const outputs = config.outputs.length
  if (outputs === 0 && config.web.listenAddresses.length + config.web.sockets.length === 0) {
    throw new ConfigError([
      `nothing to do: add ${kindNames(terminal.outputKinds)} to the file of --config.file, or set --web.listen-address`,
    ])
  }
  const log = logOf(config, terminal)
  files.reportTo(log)
  terminal.onForcedStop((signal) => report(log, agentMessages.stopForced, { signal }))
  report(log, agentMessages.starting, { version: build.version, revision: build.revision, node: platform.runtime })
  if (problem !== undefined) report(log, agentMessages.foreignDirectory, { err: problem })
  if (outputs === 0) report(log, agentMessages.noOutput)
  if (flags.has('runtime.gomaxprocs')) report(log, agentMessages.ignoredFlag, { flag: '--runtime.gomaxprocs' })
  for (const decision of config.decisions) report(log, agentMessages.decided, { decision })
  logWarnings(config, log)
  for (const { collector } of config.collectors) {
    if (collector.deprecated) report(log, agentMessages.deprecatedCollector, { collector: collector.name })
  }
  const supervisor = supervisorOf(terminal, log)
  const again = problem === undefined ? reread : async () => inMemory(await reread())
  const agent = await createAgent(config, {
    ...{ clock: systemClock, log, connect, supervisor, reread: again },
    protection: protectionOf(terminal, 'helper'),
  })
  onHangup = () => void agent.reload()
  if (isReloadRequested) onHangup()
  report(log, agentMessages.running, {
    interval: `${config.intervalMs / 1000}s`,
    collectors: config.collectors.length,
    ...config.identity,
  })
  return { agent, log }
}

/** Notifies systemd if it started this process: https://www.freedesktop.org/software/systemd/man/sd_notify.html */
function supervisorOf({ environment }: Terminal, log: Log): Supervisor {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid } = environment
  const isForThisProcess = pid === undefined || Number(pid) === process.pid
  const watchdogMs = Number(microseconds) / 1000
  return {
    notify: createNotify(socket, { log }),
    watchdogMs: isForThisProcess && watchdogMs > 0 ? watchdogMs : undefined,
  }
}
