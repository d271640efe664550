import { below, file, type OddHost, only, range, type Tree } from './host.ts'

/* 256 CPUs in four nodes, some of them offline: the kernel has no times, topology or interrupts of offline CPUs. */

const all = range(256)
const offline = new Set([3, ...range(16).map((i) => 64 + i), 255])
const online = all.filter((cpu) => !offline.has(cpu))
const lines = (texts: readonly string[]): string => file(...texts)

const stat = lines([
  `cpu  ${'7 '.repeat(9)}7`,
  ...online.map(
    (cpu) =>
      `cpu${cpu} ${range(10)
        .map((column) => cpu * 1000 + column * 13)
        .join(' ')}`,
  ),
  `intr 18446744073709551615 ${'3 '.repeat(6000)}`,
  'ctxt 38014093',
  'btime 1418183276',
  'processes 26442',
  'procs_running 300',
  'procs_blocked 0',
  'softirq 5057579 250191 1481983 1647 211099 186066 0 1783454 622196 12499 508444',
])

const interrupts = lines([
  `      ${online.map((cpu) => `CPU${cpu}`.padStart(11)).join('')}`,
  ...['0', '24', 'NMI'].map(
    (name, row) =>
      `${name.padStart(4)}: ${online.map((cpu) => String(cpu * (row + 1)).padStart(10)).join(' ')}  ${
        name === 'NMI' ? 'Non-maskable interrupts' : 'IR-PCI-MSI 1048576-edge      nvme0q1'
      }`,
  ),
  ' ERR:          0',
])

const softirqs = lines([
  `       ${all.map((cpu) => `CPU${cpu}`).join(' ')}`,
  ...['HI', 'TIMER', 'NET_TX', 'RCU'].map((name) => `${name}: ${all.map((cpu) => cpu * 3).join(' ')}`),
])

const hex = (value: number) => value.toString(16).padStart(8, '0')
const softnet = lines(online.map((cpu) => [cpu + 5, 0, 1, 0, 0, 0, 0, 0, 0, 2, 3, 4, cpu, 0, 0].map(hex).join(' ')))

const schedstat = lines([
  'version 17',
  'timestamp 4314973000',
  ...online.flatMap((cpu) => [
    `cpu${cpu} 0 0 0 0 0 0 ${cpu}000000123 ${cpu}45 ${cpu}`,
    `domain0 MC ${'f,'.repeat(8)}f ${'1 '.repeat(44)}1`,
  ]),
])

const cpuinfo = online
  .map((cpu) =>
    lines([
      `processor\t: ${cpu}`,
      'vendor_id\t: AuthenticAMD',
      'cpu family\t: 25',
      'model\t\t: 1',
      'model name\t: AMD EPYC 7763 64-Core Processor',
      'stepping\t: 1',
      'microcode\t: 0xa0011d5',
      `cpu MHz\t\t: ${1500 + cpu}.125`,
      'cache size\t: 512 KB',
      `physical id\t: ${cpu >> 7}`,
      `core id\t\t: ${(cpu >> 1) & 63}`,
      'flags\t\t: fpu vme aes avx avx2',
      'bugs\t\t: sysret_ss_attrs spectre_v1',
      '',
    ]),
  )
  .join('\n')

const cpufreq = (cpu: number): Tree => ({
  cpuinfo_cur_freq: `${1_500_000 + cpu}\n`,
  cpuinfo_min_freq: '1500000\n',
  cpuinfo_max_freq: '3529052\n',
  scaling_cur_freq: `${1_500_000 + 2 * cpu}\n`,
  scaling_min_freq: '1500000\n',
  scaling_max_freq: '2450000\n',
  scaling_available_governors: 'conservative ondemand userspace powersave performance schedutil \n',
  scaling_driver: 'acpi-cpufreq\n',
  scaling_governor: cpu % 2 === 0 ? 'schedutil\n' : 'performance\n',
  related_cpus: `${cpu}\n`,
  scaling_setspeed: '<unsupported>\n',
})

const directory = (cpu: number): Tree => ({
  online: offline.has(cpu) ? '0\n' : '1\n',
  ...below('cpufreq', cpufreq(cpu)),
  ...(offline.has(cpu)
    ? {}
    : {
        'topology/physical_package_id': `${cpu >> 7}\n`,
        'topology/core_id': `${(cpu >> 1) & 63}\n`,
        'thermal_throttle/core_throttle_count': `${cpu}\n`,
        'thermal_throttle/package_throttle_count': `${cpu >> 7}\n`,
      }),
})

const node = (id: number): Tree => ({
  meminfo: lines(
    ['MemTotal:       263838760 kB', 'Active(anon):   5 kB', 'HugePages_Total:     0'].map(
      (line) => `Node ${id} ${line}`,
    ),
  ),
  numastat: 'numa_hit 193460335812\nnuma_miss 12\nnuma_foreign 0\ninterleave_hit 6\nlocal_node 5\nother_node 7\n',
})

const tree: Tree = {
  ...below('proc', { stat, interrupts, softirqs, schedstat, cpuinfo, 'net/softnet_stat': softnet }),
  ...below('sys/devices/system/cpu', {
    offline: '3,64-79,255\n',
    isolated: '128-191,200\n',
    'vulnerabilities/l1tf': 'Not affected\n',
    'vulnerabilities/spectre_v2': 'Mitigation: Retpolines; IBPB: conditional; STIBP: always-on\n',
  }),
  ...Object.assign({}, ...all.map((cpu) => below(`sys/devices/system/cpu/cpu${cpu}`, directory(cpu)))),
  ...Object.assign({}, ...range(4).map((id) => below(`sys/devices/system/node/node${id}`, node(id)))),
}

const collectors = [
  'cpu',
  'cpu_vulnerabilities',
  'interrupts',
  'meminfo_numa',
  'schedstat',
  'softirqs',
  'softnet',
  'stat',
]

export const cpuHosts: readonly OddHost[] = [
  { name: 'cpus', tree, flags: [...only(...collectors, 'cpufreq'), '--collector.stat.softirq'] },
  // Without cpufreq: if both collectors emit node_cpu_frequency_hertz, node_exporter keeps either one.
  {
    name: 'cpus-info',
    tree,
    flags: [
      ...only('cpu'),
      '--collector.cpu.info',
      '--collector.cpu.info.flags-include=.*',
      '--no-collector.cpu.guest',
    ],
  },
]
