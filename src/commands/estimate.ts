import { collectors } from '../collectors/index.ts'
import { configFlags, readConfig } from '../config/index.ts'
import { collectSome, estimateOf, reportOf, snapshotsFor } from '../estimate/index.ts'

import { loadKinds } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import { UsageError } from '../util/flags.ts'
import type { Command } from './command.ts'
import { logOf } from './logger.ts'

const formats = ['text', 'json']
const format = { name: 'format', kind: 'value', fallback: 'text', help: `${formats.join(' or ')}.` } as const

/** Where no endpoint is configured: what one would get that has no wishes. */
const anywhere = { remote_write: [{ url: 'http://localhost/' }] }

export default {
  name: 'estimate',
  summary:
    'Measures what this host would send: series by collector, samples and bytes a month, and what other settings save.\n' +
    'Collects for a second or two; nothing is sent.',
  usage: '[flags]',
  flags: () => [format, ...configFlags(collectors).filter(({ name }) => !name.startsWith('web.'))],
  async run({ flags }, terminal) {
    const wanted = String(flags.get(format.name) ?? format.fallback)
    if (!formats.includes(wanted)) throw new UsageError(`--format: ${wanted} is none of ${formats.join(', ')}`)
    const own = new Map([...flags].filter(([name]) => name !== format.name))
    const outputKinds = await loadKinds(terminal.outputKinds)
    const config = await readConfig({
      flags: own,
      environment: terminal.environment,
      collectors,
      outputKinds,
      defaults: anywhere,
    })
    const log = logOf({ log: { ...config.log, level: 'error' } }, terminal)
    const cycles = await collectSome(config, snapshotsFor(config), { clock: systemClock, log })
    const estimate = estimateOf(config, cycles)
    terminal.out(wanted === 'json' ? `${JSON.stringify(estimate, null, 2)}\n` : reportOf(estimate))
    return 0
  },
} satisfies Command
