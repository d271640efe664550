import { boolean, collectEach, collector, collectParts, type Emit, pattern } from '../collector.ts'
import { type Cpuinfo, cpusOf, type Dir, parseCpuinfo, parseCpuList, parseStat, ticks } from '../host/index.ts'

import { counter, type Filter, filterOf, gauge, type Pattern } from '../metrics/index.ts'

const seconds = counter('node_cpu_seconds_total', 'Seconds that a CPU spent in each mode.', ['cpu', 'mode'])
const guestSeconds = counter(
  'node_cpu_guest_seconds_total',
  'Seconds that a CPU spent running guests (virtual machines), also included in user and nice.',
  ['cpu', 'mode'],
)
const isolated = gauge('node_cpu_isolated', 'CPUs that the scheduler leaves alone (isolcpus); always 1.', ['cpu'])
const online = gauge('node_cpu_online', 'Whether a CPU is online.', ['cpu'])
const coreThrottles = counter(
  'node_cpu_core_throttles_total',
  'Times that a core was throttled because of its temperature.',
  ['package', 'core'],
)
const packageThrottles = counter(
  'node_cpu_package_throttles_total',
  'Times that a whole package was throttled because of its temperature.',
  ['package'],
)
const cpuInfo = gauge('node_cpu_info', 'Information about a CPU from /proc/cpuinfo; always 1.', [
  'package',
  'core',
  'cpu',
  'vendor',
  'family',
  'model',
  'model_name',
  'microcode',
  'stepping',
  'cachesize',
])
const frequency = gauge('node_cpu_frequency_hertz', 'Current frequency of a CPU.', ['package', 'core', 'cpu'])
const flagInfo = gauge('node_cpu_flag_info', 'A feature that the first CPU has; always 1.', ['flag'])
const bugInfo = gauge('node_cpu_bug_info', 'A bug that the first CPU is known to have; always 1.', ['bug'])

/** The columns of a CPU in /proc/stat; two for guests follow. */
const modes = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const
const guestModes = ['user', 'nice'] as const
const idle = modes.indexOf('idle')

/** https://docs.kernel.org/filesystems/proc.html#miscellaneous-kernel-statistics-in-proc-stat */
export default collector({
  name: 'cpu',
  about:
    'Reports CPU time by mode, online state, thermal throttling and CPU information. Reads /proc/stat, /proc/cpuinfo and /sys/devices/system/cpu.',
  options: {
    guest: boolean(true, 'Report the time spent running guests.'),
    info: boolean(false, 'Report information about the CPUs from /proc/cpuinfo.'),
    'info.flags-include': pattern('', 'CPU features to report; turns info on.'),
    'info.bugs-include': pattern('', 'CPU bugs to report; turns info on.'),
  },
  state: (options) => ({
    times: new Map<string, readonly number[]>(),
    isolated: undefined as readonly string[] | undefined,
    flags: onlyIfSet(options['info.flags-include']),
    bugs: onlyIfSet(options['info.bugs-include']),
  }),
  collect({ proc, sys, emit, options, state }) {
    const cpus = cpusOf(sys)
    const parts = [
      () => {
        const { cpus: times, failure } = proc.once('stat', parseStat)
        state.times = monotonic(state.times, times)
        emitTimes(state.times, options.guest, emit)
        if (failure !== undefined) throw failure
      },
      () => emitOnline(cpus, emit),
      () => emitThrottles(cpus, emit),
      () => {
        if (options.info || state.flags !== undefined || state.bugs !== undefined)
          emitInfo(parseCpuinfo(proc.read('cpuinfo')), state, emit)
      },
      () => {
        // Does not change after boot (isolcpus=).
        state.isolated ??= parseCpuList(sys.readIfAny('devices/system/cpu/isolated') ?? '')
        for (const cpu of state.isolated) emit(isolated, 1, { cpu })
      },
    ]
    collectParts(...parts)
  },
})

const onlyIfSet = (include: Pattern): Filter | undefined =>
  include.source === '' ? undefined : filterOf(include, undefined)

/**
 * Seconds that never decrease. In the kernel, idle and iowait of tickless CPUs decrease slightly, and all counters are
 * reset when a CPU comes online again: then idle drops by seconds, and the new values are used.
 */
function monotonic(before: ReadonlyMap<string, readonly number[]>, cpus: ReadonlyMap<string, readonly number[]>) {
  const now = new Map<string, readonly number[]>()
  for (const [cpu, columns] of cpus) {
    const times = columns.map((column) => ticks(column) ?? 0)
    const old = before.get(cpu)
    const isReset = old === undefined || (old[idle] ?? 0) - (times[idle] ?? 0) >= 3
    now.set(cpu, isReset ? times : times.map((time, i) => Math.max(time, old[i] ?? 0)))
  }
  return now
}

function emitTimes(all: ReadonlyMap<string, readonly number[]>, guests: boolean, emit: Emit): void {
  for (const [cpu, times] of all) {
    modes.forEach((mode, i) => {
      emit(seconds, times[i], { cpu, mode })
    })
    if (!guests) continue
    guestModes.forEach((mode, i) => {
      emit(guestSeconds, times[modes.length + i], { cpu, mode })
    })
  }
}

/** If the first CPU has no file `online`, CPUs cannot be taken offline, and nothing is reported. */
function emitOnline(cpus: readonly Dir[], emit: Emit): void {
  let isReported = true
  collectEach(cpus.entries(), ([index, cpu]) => {
    const state = isReported ? cpu.text('online') : undefined
    if (index === 0 && state === undefined) isReported = false
    emit(online, state === undefined ? undefined : Number(state === '1'), { cpu: cpu.id })
  })
}

/** CPUs of a core, and of a package, share their counters: the first CPU with a counter is used. */
function emitThrottles(cpus: readonly Dir[], emit: Emit): void {
  const counted = new Set<string>()
  const first = (key: string) => !counted.has(key) && counted.add(key)
  collectEach(cpus, (cpu) => {
    const throttles = cpu.at('thermal_throttle')
    if (!throttles.exists()) return
    const [core, whole] = [count(throttles, 'core_throttle_count'), count(throttles, 'package_throttle_count')]
    const ids = { package: cpu.text('topology/physical_package_id') ?? '', core: cpu.text('topology/core_id') ?? '' }
    if (!/^\d+$/.test(ids.package) || !/^\d+$/.test(ids.core)) return
    if (core !== undefined && first(`${ids.package} ${ids.core}`)) emit(coreThrottles, core, ids)
    if (whole !== undefined && first(ids.package)) emit(packageThrottles, whole, { package: ids.package })
  })
}

function count(directory: Dir, file: string): number | undefined {
  const text = directory.text(file)
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

interface InfoFilters {
  readonly flags: Filter | undefined
  readonly bugs: Filter | undefined
}

function emitInfo(info: Cpuinfo, { flags, bugs }: InfoFilters, emit: Emit): void {
  for (const { modelName: model_name, cacheSize: cachesize, megahertz = 0, ...labels } of info.cpus) {
    emit(cpuInfo, 1, { ...labels, model_name, cachesize })
    const { package: socket, core, cpu } = labels
    emit(frequency, megahertz > 0 ? megahertz * 1e6 : undefined, { package: socket, core, cpu })
  }
  if (flags) for (const flag of info.flags.filter(flags)) emit(flagInfo, 1, { flag })
  if (bugs) for (const bug of info.bugs.filter(bugs)) emit(bugInfo, 1, { bug })
}
