import { createAgent } from '../agent.ts'
import { collectors } from '../collectors/index.ts'
import { durationMs, readConfig } from '../config/index.ts'

import { connect } from '../http/index.ts'
import { loadKinds } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import { type Flag, UsageError } from '../util/flags.ts'
import type { Command } from './command.ts'
import { protectionOf } from './hardware/protection.ts'
import { logOf } from './logger.ts'
import { receiverAt, summaryLine } from './receive.ts'

const interval: Flag = {
  name: 'interval',
  kind: 'value',
  value: 'DURATION',
  fallback: '5s',
  help: 'Time between two pushes.',
}
const pushes: Flag = {
  name: 'pushes',
  kind: 'value',
  value: 'COUNT',
  help: 'Number of pushes before the command ends. Default: no limit, ends with Ctrl-C.',
}
const listen: Flag = {
  name: 'web.listen-address',
  kind: 'list',
  value: 'HOST:PORT',
  fallback: '127.0.0.1:9100',
  help: "Address of the agent's status page.",
}

export default {
  name: 'demo',
  summary: 'Collects this host, pushes to a receiver in the same process and prints each push.',
  usage: '[flags]',
  examples: [
    ['Push every 5 s until Ctrl-C', 'hostpush demo'],
    ['Push three times, once a second', 'hostpush demo --interval=1s --pushes=3'],
  ],
  flags: () => [interval, pushes, listen],
  stops: 'itself',
  async run({ flags }, terminal) {
    const maxPushes = wholeNumber(flags.get(pushes.name))
    const scrapeInterval = positiveDuration(String(flags.get(interval.name) ?? interval.fallback))
    const done = new AbortController()
    let received = 0
    const receiver = await receiverAt('127.0.0.1:0', (request) => {
      terminal.out(summaryLine(request))
      if (request.samples > 0 && ++received >= maxPushes) done.abort(new Error('the last push arrived'))
    })
    try {
      const config = await readConfig({
        flags: new Map([...flags].filter(([name]) => name === listen.name)),
        environment: terminal.environment,
        collectors,
        outputKinds: await loadKinds(terminal.outputKinds),
        defaults: {
          global: { scrape_interval: scrapeInterval },
          remote_write: [{ url: `${receiver.url}/api/v1/write`, name: 'demo' }],
          buffer: { mode: 'memory' },
          log: { level: 'warn' },
        },
      })
      const agent = await createAgent(config, {
        ...{ clock: systemClock, log: logOf(config, terminal), connect },
        protection: protectionOf(terminal, 'trial'),
      })
      terminal.out(welcome(config.intervalMs, receiver.url, agent.addresses))
      await agent.run(AbortSignal.any([terminal.stop, done.signal]))
    } finally {
      await receiver.close()
    }
    terminal.out(
      `\n${received} pushes arrived. Next: copy config.example.json, set your endpoint in it and run\n  bin/hostpush run --config.file=FILE\n`,
    )
    return 0
  },
} satisfies Command

const welcome = (intervalMs: number, receiver: string, addresses: readonly string[]) =>
  `hostpush reads this host every ${intervalMs / 1000} s and pushes to a receiver in this process.\n` +
  `received samples:  ${receiver}/metrics\n` +
  `${addresses.map((address) => `status page:       http://${address}/\n`).join('')}` +
  'Press Ctrl-C to stop.\n\n'

function wholeNumber(given: unknown): number {
  if (given === undefined) return Number.POSITIVE_INFINITY
  if (!/^\d+$/.test(String(given)))
    throw new UsageError(`--${pushes.name}: ${JSON.stringify(given)} is not a whole number`)
  return Number(given)
}

function positiveDuration(text: string): string {
  if ((durationMs(text) ?? 0) > 0) return text
  throw new UsageError(`--${interval.name}: ${JSON.stringify(text)} is not a positive duration, for example 5s`)
}
