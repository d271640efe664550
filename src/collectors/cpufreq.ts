import { collector } from '../collector.ts'
import { cpusOf, parseCpuList } from '../host/cpus.ts'
import { gauge } from '../metrics/family.ts'

const hertz = (file: string, name: string, help: string) =>
  [file, gauge(`node_cpu_${name}_hertz`, help, ['cpu'])] as const

const frequencies = [
  hertz('cpuinfo_cur_freq', 'frequency', 'Current frequency of a CPU, as the hardware says.'),
  hertz('cpuinfo_avg_freq', 'frequency_avg', 'Average frequency of a CPU, as the hardware says.'),
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
  collect({ sys, emit }) {
    const offline = new Set(parseCpuList(sys.read('devices/system/cpu/offline')))
    for (const directory of cpusOf(sys)) {
      const cpu = directory.id
      if (offline.has(cpu)) continue
      const policy = directory.at('cpufreq')
      if (!policy.exists()) continue
      for (const [file, family] of frequencies) {
        const kilohertz = policy.text(file) ?? ''
        // The kernel says <unknown> where the driver cannot tell.
        emit(family, /^\d+$/.test(kilohertz) ? Number(kilohertz) * 1000 : undefined, { cpu })
      }
      const { scaling_governor: current, scaling_available_governors: available } = policy.texts([
        'scaling_governor',
        'scaling_available_governors',
      ])
      if (current === undefined) continue
      for (const governor of available?.split(' ') ?? [])
        emit(governorInUse, governor === current ? 1 : 0, { cpu, governor })
    }
  },
})
