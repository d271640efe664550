import { collectOnce } from '../collect/index.ts'
import { collectors } from '../collectors/index.ts'
import { configFlags, readConfig } from '../config/index.ts'
import { textOf } from '../metrics/index.ts'
import { systemClock } from '../util/clock.ts'
import type { Command } from './command.ts'
import { protectionOf } from './hardware/protection.ts'
import { logOf } from './logger.ts'

export default {
  name: 'collect',
  summary: 'Collects once and prints the metrics in the Prometheus text format 0.0.4. Nothing is sent.',
  usage: '[flags]',
  examples: [
    ['Print all metrics of this host', 'hostpush collect'],
    ['Print those of one collector', 'hostpush collect --collector.disable-defaults --collector.filesystem'],
    [
      'Collect from another root, for example in a container',
      'hostpush collect --path.procfs=/host/proc --path.sysfs=/host/sys --path.rootfs=/host',
    ],
  ],
  flags: () => configFlags(collectors).filter(({ name }) => !name.startsWith('web.')),
  async run({ flags }, terminal) {
    const config = await readConfig({ flags, environment: terminal.environment, collectors, outputKinds: [] })
    const { snapshot } = await collectOnce(config, {
      ...{ clock: systemClock, log: logOf(config, terminal) },
      protection: protectionOf(terminal, 'trial'),
    })
    terminal.out(textOf(snapshot))
    return 0
  },
} satisfies Command
