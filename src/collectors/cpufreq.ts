import { collectEach, collector, collectParts } from '../collector.ts'
import { cpusOf, type Dir, numberOf, parseCpuList } from '../host/index.ts'

import { gauge } from '../metrics/index.ts'

const hertz = (file: string, name: string, help: string) =>
  [file, gauge(`node_cpu_${name}_hertz`, help, ['cpu'])] as const

const frequencies = [
  hertz('cpuinfo_cur_freq', 'frequency', 'Current frequency of a CPU, as reported by the hardware.'),
  hertz('cpuinfo_avg_freq', 'frequency_avg', 'Average frequency of a CPU, as reported by the hardware.'),
  hertz('cpuinfo_min_freq', 'frequency_min', 'Lowest frequency that a CPU can run at.'),
  hertz('cpuinfo_max_freq', 'frequency_max', 'Highest frequency that a CPU can run at.'),
  hertz('scaling_cur_freq', 'scaling_frequency', 'Current frequency of a CPU, as the governor set it.'),
  hertz('scaling_min_freq', 'scaling_frequency_min', 'Lowest frequency that the governor may set.'),
  hertz('scaling_max_freq', 'scaling_frequency_max', 'Highest frequency that the governor may set.'),
]
const governorInUse = gauge('node_cpu_scaling_governor', 'Whether a governor is the one in use.', ['cpu', 'governor'])

/** https://docs.kernel.org/admin-guide/pm/cpufreq.html#policy-interface-in-sysfs */
export default collector({
  name: 'cpufreq',
  about: 'Reports the frequencies and scaling governor of each CPU. Reads /sys/devices/system/cpu/*/cpufreq.',
  hardware: [
    'devices/system/cpu/cpufreq/policy*/cpuinfo_cur_freq',
    'devices/system/cpu/cpufreq/policy*/cpuinfo_avg_freq',
  ],
  collect({ sys, emit }) {
    const offline = new Set(parseCpuList(sys.read('devices/system/cpu/offline')))
    const online = cpusOf(sys).filter(({ id }) => !offline.has(id))
    collectEach(online, (directory) => {
      const cpu = directory.id
      const policy = directory.at('cpufreq')
      if (!policy.exists()) return
      collectParts(
        () => collectEach(frequencies, ([file, family]) => emit(family, hertzIn(policy, file), { cpu })),
        () => {
          const current = governors(policy, 'scaling_governor')
          for (const governor of governors(policy, 'scaling_available_governors').split(' '))
            emit(governorInUse, governor === current ? 1 : 0, { cpu, governor })
        },
      )
    })
  },
})

/** The kernel reports `<unknown>` if the driver does not know the frequency. */
function hertzIn(policy: Dir, file: string): number | undefined {
  const text = policy.text(file)
  if (text === undefined || text === '<unknown>') return undefined
  return numberOf(text, () => `${policy.path}/${file}`) * 1000
}

function governors(policy: Dir, file: string): string {
  const text = policy.text(file)
  if (text === undefined) throw new Error(`no ${policy.path}/${file}`)
  return text
}
