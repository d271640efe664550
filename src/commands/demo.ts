import { createAgent } from '../agent.ts'
import { collectors } from '../collectors/index.ts'
import { readConfig } from '../config/index.ts'
import { durationMs } from '../config/schema/units.ts'
import { connect } from '../http/transport/connection.ts'
import { loadKinds } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import { type Flag, UsageError } from '../util/flags.ts'
import type { Command } from './command.ts'
import { logOf } from './logger.ts'
import { lineOf, receiverAt } from './receive.ts'

const interval: Flag = { name: 'interval', kind: 'value', fallback: '5s', help: 'How often to collect and push.' }
const pushes: Flag = {
  name: 'pushes',
  kind: 'value',
  fallback: '',
  help: 'End after so many pushes instead of at Ctrl-C.',
}
const listen: Flag = {
  name: 'web.listen-address',
  kind: 'list',
  fallback: '127.0.0.1:9100',
  help: "Where the agent's own page is.",
}

export default {
  name: 'demo',
  summary:
    'Shows the main job on this machine: collects this host, pushes it to a receiver in the same process, prints each push.',
  usage: '[flags]',
  flags: () => [interval, pushes, listen],
  async run({ flags }, terminal) {
    const wanted = wholeNumber(flags.get(pushes.name))
    const scrapeInterval = aboveZero(String(flags.get(interval.name) ?? interval.fallback))
    const enough = new AbortController()
    let seen = 0
    const receiver = await receiverAt('127.0.0.1:0', (request) => {
      terminal.out(lineOf(request))
      if (request.samples > 0 && ++seen >= wanted) enough.abort(new Error('as many pushes as asked for'))
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
      const agent = await createAgent(config, { clock: systemClock, log: logOf(config, terminal), connect })
      terminal.out(welcome(config.intervalMs, receiver.url, agent.addresses))
      await agent.run(AbortSignal.any([terminal.stop, enough.signal]))
    } finally {
      await receiver.close()
    }
    terminal.out(
      `\n${seen} pushes arrived. Next: put your endpoint into a copy of config.example.json and start\n  bin/hostpush run --config.file=FILE\n`,
    )
    return 0
  },
} satisfies Command

const welcome = (intervalMs: number, receiver: string, addresses: readonly string[]) =>
  `hostpush reads this host every ${intervalMs / 1000} s and pushes it to a receiver in this very process.\n` +
  `what the receiver got:  ${receiver}/metrics\n` +
  `${addresses.map((address) => `the agent's own page:   http://${address}/\n`).join('')}` +
  'Ctrl-C ends.\n\n'

function wholeNumber(given: unknown): number {
  if (given === undefined) return Number.POSITIVE_INFINITY
  if (!/^\d+$/.test(String(given)))
    throw new UsageError(`--${pushes.name}: ${JSON.stringify(given)} is not a whole number`)
  return Number(given)
}

function aboveZero(text: string): string {
  if ((durationMs(text) ?? 0) > 0) return text
  throw new UsageError(`--${interval.name}: ${JSON.stringify(text)} is not a duration above 0 such as 5s`)
}
