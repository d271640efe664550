import type { Emit } from '../collector.ts'
import { type Dir, fields, lines } from '../host/index.ts'

import { counter, gauge, ownCounter } from '../metrics/index.ts'
import type { Build, platform } from '../util/version.ts'
import type { SelfMetrics } from './cycle.ts'
import type { SampleClock } from './sample-clock.ts'

const buildInfo = gauge(
  'node_exporter_build_info',
  'Always 1; the labels are version, revision and platform of hostpush.',
  ['branch', 'goarch', 'goos', 'goversion', 'revision', 'tags', 'version'],
)
const up = gauge('up', '1 for each collection of the agent. Without a collection there is no sample, not a 0.')
const scrapeDuration = gauge('scrape_duration_seconds', 'Duration of the collection.')
const samplesScraped = gauge('scrape_samples_scraped', 'Samples that were collected.')
const samplesKept = gauge('scrape_samples_post_metric_relabeling', 'Samples after relabelling.')
const seriesAdded = gauge('scrape_series_added', 'Series that the previous collection did not have.')

const clockSteps = ownCounter('hostpush_clock_steps_total', 'Steps of the wall clock by a minute or more.')
const clockSkew = gauge('hostpush_clock_skew_seconds', "How far this host's clock is ahead of the receiver's.")

const cpuSeconds = ownCounter('process_cpu_seconds_total', 'User and system CPU time of the agent, in seconds.')
const openFds = gauge('process_open_fds', 'File descriptors the agent holds.')
const maxFds = gauge('process_max_fds', 'File descriptors the agent may hold.')
const virtualMemory = gauge('process_virtual_memory_bytes', 'Virtual memory of the agent, in bytes.')
const virtualMemoryMax = gauge('process_virtual_memory_max_bytes', 'Virtual memory the agent may use, in bytes.')
const residentMemory = gauge('process_resident_memory_bytes', 'Resident memory of the agent, in bytes.')
const startTime = gauge('process_start_time_seconds', 'When the agent started, in seconds since the epoch.')
const received = counter(
  'process_network_receive_bytes_total',
  'Bytes the network namespace of the agent received by IP.',
)
const transmitted = counter(
  'process_network_transmit_bytes_total',
  'Bytes the network namespace of the agent sent by IP.',
)

/** Steps and skew of the wall clock. */
export function clockFamilies({ stats }: SampleClock): SelfMetrics {
  return (emit) => {
    emit(clockSteps, stats.steps)
    emit(clockSkew, stats.skewMs === undefined ? undefined : stats.skewMs / 1000)
  }
}

/** Build information. */
export function buildFamilies({ branch, revision, version, arch, runtime }: Build & typeof platform): SelfMetrics {
  const labels = { branch, goarch: arch, goos: 'linux', goversion: runtime, revision, tags: '', version }
  return (emit) => emit(buildInfo, 1, labels)
}

/** The families that node_exporter adds to its collectors: build information and process metrics. */
export function exporterFamilies(build: Build & typeof platform, self: Dir, bootTimeSeconds: number): SelfMetrics {
  const limits = parseLimits(self.readIfAny('limits') ?? '')
  const emitBuild = buildFamilies(build)
  return (emit, soFar) => {
    emitBuild(emit, soFar)
    const { cpuTicks, startTicks, virtualBytes, residentPages } = parseSelfStat(self.read('stat'))
    emit(cpuSeconds, cpuTicks / 100)
    // Since Linux 6.2 the size of /proc/self/fd is the number of descriptors. To list a hundred of them costs 0.1 ms and opens another one.
    emit(openFds, self.status('fd')?.size || self.at('fd').entries().length - 1)
    emit(maxFds, limits.openFiles)
    emit(virtualMemory, virtualBytes)
    emit(virtualMemoryMax, limits.addressSpace)
    emit(residentMemory, residentPages * 4096)
    emit(startTime, bootTimeSeconds + startTicks / 100)
    network(emit, self.readIfAny('net/netstat') ?? '')
  }
}

/** The families that Prometheus adds to each scrape. An agent that pushes must add them itself. */
export function scrapeFamilies(added: () => number): SelfMetrics {
  return (emit, { samples, seconds }) => {
    emit(up, 1)
    emit(scrapeDuration, seconds)
    emit(samplesScraped, samples)
    emit(samplesKept, samples)
    emit(seriesAdded, added())
  }
}

/** https://docs.kernel.org/filesystems/proc.html, table 1-4; the name may contain spaces and parentheses. */
export function parseSelfStat(text: string) {
  const after = fields(text.slice(text.lastIndexOf(')') + 1)).map((field) => Number(field))
  const at = (field: number) => after[field - 3] ?? 0
  return { cpuTicks: at(14) + at(15), startTicks: at(22), virtualBytes: at(23), residentPages: at(24) }
}

/** Soft limits; `unlimited` is the largest 64-bit number, as node_exporter shows it. */
export function parseLimits(text: string): { readonly openFiles: number; readonly addressSpace: number } {
  const soft = (name: string) => {
    const [value = ''] = fields(
      lines(text)
        .find((line) => line.startsWith(name))
        ?.slice(name.length) ?? '',
    )
    return value === 'unlimited' ? 2 ** 64 : Number(value)
  }
  return { openFiles: soft('Max open files'), addressSpace: soft('Max address space') }
}

function network(emit: Emit, netstat: string): void {
  const [names, values] = lines(netstat)
    .filter((line) => line.startsWith('IpExt:'))
    .map(fields)
  const of = (name: string) => {
    const at = names?.indexOf(name) ?? -1
    return at < 0 ? undefined : Number(values?.[at])
  }
  emit(received, of('InOctets'))
  emit(transmitted, of('OutOctets'))
}
