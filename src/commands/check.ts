import { collectors } from '../collectors/index.ts'
import { configFlags, exposedSecrets, readConfig } from '../config/index.ts'
import { addressesOf, loadKinds } from '../output.ts'
import { plural } from '../util/plural.ts'
import { durationText } from '../util/quantity.ts'
import type { Command } from './command.ts'

export default {
  name: 'check',
  summary:
    'Checks a configuration and the flags of `run`, and reports every error with its file and key. Connects to nothing.',
  usage: '[flags] --config.file=FILE',
  examples: [
    ['Report all errors and warnings of a file', 'hostpush check --config.file=/etc/hostpush/config.json'],
    [
      'Reload a running agent only if the file is valid',
      'hostpush check --config.file=config.json && systemctl reload hostpush',
    ],
  ],
  exitStatuses: [
    ['0', 'the configuration is valid; there may be warnings'],
    ['1', 'the configuration has errors'],
    ['2', 'the command line is wrong'],
  ],
  flags: () => configFlags(collectors),
  async run({ flags }, terminal) {
    const outputKinds = await loadKinds(terminal.outputKinds)
    const config = await readConfig({ flags, environment: terminal.environment, collectors, outputKinds })
    const places = addressesOf(config.outputs).values()
    const outputs = places.map((address) => `  ${address}\n`).toArray()
    terminal.out(
      `Configuration is valid: ${plural(config.collectors.length, 'collector')} every ${durationText(config.intervalMs)}, ` +
        `job ${JSON.stringify(config.identity['job'])}, instance ${JSON.stringify(config.identity['instance'])}\n` +
        `${outputs.length === 0 ? 'No output is configured: nothing is pushed.\n' : `Outputs:\n${outputs.join('')}`}`,
    )
    for (const decision of config.decisions) terminal.out(`Default: ${decision}\n`)
    const path = flags.get('config.file')
    const exposed = path === undefined ? [] : exposedSecrets(String(path))
    for (const warning of [...config.warnings, ...exposed]) terminal.out(`Warning: ${warning}\n`)
    return 0
  },
} satisfies Command
