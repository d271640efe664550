import { collectors } from '../collectors/index.ts'
import { configFlags, readConfig } from '../config/index.ts'
import { loadKinds } from '../output.ts'
import { plural } from '../util/plural.ts'
import type { Command } from './command.ts'

export default {
  name: 'check',
  summary: 'Checks a configuration and the flags of `run`: every problem at once, with its place.',
  usage: '[flags] --config.file=FILE',
  flags: () => configFlags(collectors),
  async run({ flags }, terminal) {
    const outputKinds = await loadKinds(terminal.outputKinds)
    const config = await readConfig({ flags, environment: terminal.environment, collectors, outputKinds })
    const endpoints = config.outputs.map(({ kind, options }) => `  ${options.name}  ${kind.address(options)}\n`)
    terminal.out(
      `configuration is good: ${plural(config.collectors.length, 'collector')} every ${config.intervalMs / 1000} s, ` +
        `job ${JSON.stringify(config.identity['job'])}, instance ${JSON.stringify(config.identity['instance'])}, ` +
        `${endpoints.length === 0 ? 'nothing to push to' : 'pushed to'}\n${endpoints.join('')}`,
    )
    for (const note of config.decisions) terminal.out(`  ${note}\n`)
    for (const doubt of config.warnings) terminal.out(`  warning: ${doubt}\n`)
    return 0
  },
} satisfies Command
