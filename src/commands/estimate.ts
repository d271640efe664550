import { collectors } from '../collectors/index.ts'
import { configFlags, readConfig } from '../config/index.ts'
import { collectSome, estimateOf, reportOf, snapshotsFor } from '../estimate/index.ts'

import { loadKinds } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import { UsageError } from '../util/flags.ts'
import type { Command } from './command.ts'
import { protectionOf } from './hardware/protection.ts'
import { logOf } from './logger.ts'

const formats = ['text', 'json']
const format = {
  name: 'format',
  kind: 'value',
  value: 'FORMAT',
  fallback: 'text',
  help: `Output format: ${formats.join(' or ')}.`,
} as const

/** An endpoint with default settings, for a run without a configuration. */
const defaultEndpoint = { remote_write: [{ url: 'http://localhost/' }] }

export default {
  name: 'estimate',
  summary:
    'Estimates what this host sends in a month: series of each collector, samples, traffic, and how much other settings\n' +
    'save. Collects for one or two seconds. Nothing is sent.',
  usage: '[flags]',
  examples: [
    ['Estimate for the endpoints of a configuration', 'hostpush estimate --config.file=/etc/hostpush/config.json'],
    ['Estimate for an endpoint with default settings', 'hostpush estimate'],
    ['See how much a collector adds', 'hostpush estimate --collector.systemd'],
  ],
  flags: () => [format, ...configFlags(collectors).filter(({ name }) => !name.startsWith('web.'))],
  async run({ flags }, terminal) {
    const word = String(flags.get(format.name) ?? format.fallback)
    if (!formats.includes(word)) throw new UsageError(`--format: ${word} is not one of ${formats.join(', ')}`)
    const own = new Map([...flags].filter(([name]) => name !== format.name))
    const outputKinds = await loadKinds(terminal.outputKinds)
    const config = await readConfig({
      flags: own,
      environment: terminal.environment,
      collectors,
      outputKinds,
      defaults: defaultEndpoint,
    })
    const log = logOf({ log: { ...config.log, level: 'error' } }, terminal)
    const cycles = await collectSome(config, snapshotsFor(config), {
      clock: systemClock,
      log,
      protection: protectionOf(terminal, 'trial'),
    })
    const estimate = estimateOf(config, cycles)
    terminal.out(word === 'json' ? `${JSON.stringify(estimate, null, 2)}\n` : reportOf(estimate))
    return 0
  },
} satisfies Command
