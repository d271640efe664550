import { boolean, collectEach, collector, list, text } from '../collector.ts'
import { type Dir, type Event, NotPermitted, parseCpuList } from '../host/index.ts'

import { type Family, familyOf, ownCounter } from '../metrics/index.ts'

/** An event, its name in the options, and its metric. */
interface Profiler extends Event {
  readonly name: string
  readonly family: Family<'cpu'>
}

/** PERF_TYPE_… */
const types = { hardware: 0, software: 1, tracepoint: 2, cache: 3 } as const

const profiler = (type: number, config: number, name: string, metric: string, help: string): Profiler => {
  return { type, config, name, family: ownCounter(`node_perf_${metric}_total`, help, ['cpu']) }
}

/** PERF_COUNT_HW_… */
const hardware = (config: number, name: string, metric: string, help: string) =>
  profiler(types.hardware, config, name, metric, help)
const hardwareProfilers = [
  hardware(0, 'CpuCycles', 'cpucycles', 'Cycles of a CPU.'),
  hardware(1, 'CpuInstr', 'instructions', 'Instructions.'),
  hardware(2, 'CacheRef', 'cache_refs', 'Cache accesses.'),
  hardware(3, 'CacheMisses', 'cache_misses', 'Cache accesses that missed.'),
  hardware(4, 'BranchInstr', 'branch_instructions', 'Branches.'),
  hardware(5, 'BranchMisses', 'branch_misses', 'Branches that were predicted wrongly.'),
  hardware(7, 'StalledCyclesFrontend', 'stalled_cycles_frontend', 'Cycles in which no instruction was issued.'),
  hardware(8, 'StalledCyclesBackend', 'stalled_cycles_backend', 'Cycles in which no instruction was retired.'),
  hardware(9, 'RefCpuCycles', 'ref_cpucycles', 'Cycles of a CPU at its nominal frequency.'),
]

/** PERF_COUNT_SW_… */
const software = (config: number, name: string, metric: string, help: string) =>
  profiler(types.software, config, name, metric, help)
const softwareProfilers = [
  software(2, 'PageFault', 'page_faults', 'Page faults.'),
  software(3, 'ContextSwitch', 'context_switches', 'Context switches.'),
  software(4, 'CpuMigration', 'cpu_migrations', 'Times a process came to another CPU.'),
  software(5, 'MinorFault', 'minor_faults', 'Page faults without reading from a disk.'),
  software(6, 'MajorFault', 'major_faults', 'Page faults that read from a disk.'),
]

/** PERF_COUNT_HW_CACHE_…: cache, operation and result. `Hit` counts every access. */
const caches = { l1d: 0, l1i: 1, ll: 2, dtlb: 3, itlb: 4, bpu: 5 } as const
const cache = (of: keyof typeof caches, act: 'Read' | 'Write', end: 'Hit' | 'Miss', name: string, metric: string) => {
  const config = caches[of] | (Number(act === 'Write') << 8) | (Number(end === 'Miss') << 16)
  const plural = end === 'Hit' ? 'hits' : 'misses'
  const help = `${act === 'Read' ? 'Reads' : 'Writes'} of ${of}, ${end === 'Hit' ? 'all' : 'that missed'}.`
  return profiler(types.cache, config, `${name}${act}${end}`, `cache_${metric}_${act.toLowerCase()}_${plural}`, help)
}
const cacheProfilers = [
  cache('l1d', 'Read', 'Hit', 'L1Data', 'l1d'),
  cache('l1d', 'Read', 'Miss', 'L1Data', 'l1d'),
  cache('l1d', 'Write', 'Hit', 'L1Data', 'l1d'),
  cache('l1i', 'Read', 'Miss', 'L1Instr', 'l1_instr'),
  cache('ll', 'Read', 'Hit', 'LL', 'll'),
  cache('ll', 'Read', 'Miss', 'LL', 'll'),
  cache('ll', 'Write', 'Hit', 'LL', 'll'),
  cache('ll', 'Write', 'Miss', 'LL', 'll'),
  cache('dtlb', 'Read', 'Hit', 'DataTLB', 'tlb_data'),
  cache('dtlb', 'Read', 'Miss', 'DataTLB', 'tlb_data'),
  cache('dtlb', 'Write', 'Hit', 'DataTLB', 'tlb_data'),
  cache('dtlb', 'Write', 'Miss', 'DataTLB', 'tlb_data'),
  cache('itlb', 'Read', 'Hit', 'InstrTLB', 'tlb_instr'),
  cache('itlb', 'Read', 'Miss', 'InstrTLB', 'tlb_instr'),
  cache('bpu', 'Read', 'Hit', 'BPU', 'bpu'),
  cache('bpu', 'Read', 'Miss', 'BPU', 'bpu'),
]

const tracepoint = familyOf((point) =>
  ownCounter(`node_perf_${point.replace(':', '_')}`, `How often the tracepoint ${point} was passed.`, ['cpu']),
)

/** https://man7.org/linux/man-pages/man2/perf_event_open.2.html. Counts begin at the start of the agent. */
export default collector({
  name: 'perf',
  about: 'Counts hardware, software, cache and tracepoint events by CPU. Uses perf_event_open(2).',
  enabled: false,
  options: {
    cpus: text('', 'CPUs to count on, as in `0-3,8`; empty means all.'),
    tracepoint: list([], 'Tracepoints to count, as in `sched:sched_switch`.'),
    'disable-hardware-profilers': boolean(false, 'Disable the hardware events.'),
    'hardware-profilers': list([], 'Events to count; empty means all.'),
    'disable-software-profilers': boolean(false, 'Disable the software events.'),
    'software-profilers': list([], 'Events to count; empty means all.'),
    'disable-cache-profilers': boolean(false, 'Disable the cache events.'),
    'cache-profilers': list([], 'Events to count; empty means all.'),
  },
  state: (options) => [
    ...(options['disable-hardware-profilers'] ? [] : chosen(hardwareProfilers, options['hardware-profilers'])),
    ...(options['disable-software-profilers'] ? [] : chosen(softwareProfilers, options['software-profilers'])),
    ...(options['disable-cache-profilers'] ? [] : chosen(cacheProfilers, options['cache-profilers'])),
  ],
  async collect({ sys, kernel, emit, options, state, warn }) {
    const cpus = parseCpuList(options.cpus || sys.read('devices/system/cpu/online'))
    const counters = await kernel.counters()
    const points = options.tracepoint.flatMap((point) => {
      const config = tracepointId(sys, point)
      if (config === undefined) warn(`there is no tracepoint ${point}, or no tracefs mounted to look it up`)
      return config === undefined ? [] : [{ type: types.tracepoint, config, family: tracepoint(point) }]
    })
    const events = [...state, ...points]
    let denied: NotPermitted | undefined
    const collectEvent = (event: (typeof events)[number], cpu: string) => {
      if (denied !== undefined) return
      try {
        emit(event.family, counters.count(event, Number(cpu)), { cpu })
      } catch (error) {
        if (!(error instanceof NotPermitted)) throw error
        denied = error
      }
    }
    collectEach(cpus, (cpu) => collectEach(events, (event) => collectEvent(event, cpu)))
    if (denied !== undefined) warn(denied.message) // not a failure, as in node_exporter
  },
})

/** The profilers with these names; all of them if no name is known. */
function chosen(profilers: readonly Profiler[], names: readonly string[]): readonly Profiler[] {
  const selected = profilers.filter(({ name }) => names.includes(name))
  return selected.length === 0 ? profilers : selected
}

/** https://docs.kernel.org/trace/events.html */
function tracepointId(sys: Dir, point: string): number | undefined {
  const [, system, event] = /^([\w-]+):([\w-]+)$/.exec(point) ?? []
  if (system === undefined || event === undefined) return undefined
  const id = `events/${system}/${event}/id`
  return sys.number(`kernel/tracing/${id}`) ?? sys.number(`kernel/debug/tracing/${id}`)
}
