import { existsSync } from 'node:fs'
import { createCycle, type EnabledCollector, Hardware, type HardwareProtection } from '../collect/index.ts'
import type { Config } from '../config/index.ts'
import { diskFiles, type FileReader, openHost, recordingDenied } from '../host/index.ts'

import { SeriesTable, type Snapshot, SnapshotBuilder } from '../metrics/index.ts'

import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { grantFor, grantForFailure } from './permissions.ts'

const deadlineMs = 5000

/** The result of one collector. */
interface CollectorCheck {
  readonly name: string
  readonly snapshot: Snapshot
  readonly denied: readonly string[]
  /** Error of the collector; empty if it succeeded. */
  readonly failure: string
  readonly hasNothing: boolean
}

/** Runs each enabled collector separately and reports files that it has no permission to read. */
export async function checkCollectors(
  config: Config,
  { clock, protection }: { readonly clock: Clock; readonly protection?: HardwareProtection | undefined },
  filesAt: (root: string) => FileReader = diskFiles,
): Promise<readonly Finding[]> {
  const missing = procfs(config)
  if (missing.length > 0) return missing
  const denied = new Set<string>()
  const host = openHost(config, clock, (root) => recordingDenied(filesAt(root), (path) => denied.add(path)))
  const checks: CollectorCheck[] = []
  try {
    for (const enabled of config.collectors) {
      denied.clear()
      checks.push({ ...(await alone(enabled, { config, clock, host, protection })), denied: [...denied] })
    }
  } finally {
    host.close()
  }
  const empty = checks.filter((one) => one.hasNothing && one.denied.length === 0).map(({ name }) => name)
  const findings = checks.flatMap((one) => [...deniedIn(one), ...failureOf(one), ...mountsIn(one)])
  const failing = new Set(findings.map(({ thing }) => thing)).size
  const nothing = empty.length === 0 ? '' : `; this host has no data for ${empty.join(', ')}`
  return [
    ...container(config),
    ok('collectors', `${checks.length - failing} of ${checks.length} collectors can read their files${nothing}`),
    ...findings,
  ]
}

interface HostContext {
  readonly config: Config
  readonly clock: Clock
  readonly host: ReturnType<typeof openHost>
  readonly protection: HardwareProtection | undefined
}

async function alone(
  enabled: EnabledCollector,
  { config, clock, host, protection }: HostContext,
): Promise<Omit<CollectorCheck, 'denied'>> {
  const failures: string[] = []
  let hasNothing = false
  const note: Log['error'] = (_, fields) => void failures.push(String(fields?.['err'] ?? fields?.['reason'] ?? ''))
  const log: Log = { error: note, warn: note, info() {}, debug: () => (hasNothing = true) }
  const builder = new SnapshotBuilder(new SeriesTable(config.identity))
  const { interfaces } = config
  const hardware = protection && new Hardware([enabled], config, { host, clock, log, deadlineMs, protection })
  const cycle = createCycle({
    hardware,
    host,
    enabled: [enabled],
    interfaces,
    builder,
    clock,
    log,
    deadlineMs,
    selfMetrics: () => {},
  })
  const { snapshot } = await cycle(Math.floor(clock.now()))
  hardware?.close()
  return { name: enabled.collector.name, snapshot, failure: failures.join('; '), hasNothing }
}

/** A failure if the collector returns no sample, a warning otherwise. */
function deniedIn({ name, denied, failure }: CollectorCheck): readonly Finding[] {
  const [first] = denied
  if (first === undefined) return []
  const more = denied.length === 1 ? '' : ` and ${denied.length - 1} more`
  const text = `permission denied for ${first}${more}, metrics are missing`
  const finding = isDenial.test(failure) ? fail : warn
  return [finding(`collector ${name}`, text, grantFor(first))]
}

const isDenial = /^(EACCES|EPERM)\b/

function failureOf({ name, failure, denied }: CollectorCheck): readonly Finding[] {
  const isReported = denied.length > 0 && isDenial.test(failure)
  return failure === '' || isReported ? [] : [fail(`collector ${name}`, failure, grantForFailure(name, failure))]
}

/** Mount points that this user has no permission to examine. */
function mountsIn({ name, snapshot: { series, values } }: CollectorCheck): readonly Finding[] {
  const [first, ...more] = series.flatMap(({ family, labelValues }, i) => {
    const label = (of: string) => labelValues[(family.labelNames as readonly string[]).indexOf(of)] ?? ''
    const isDenied = family.name === 'node_filesystem_device_error' && values[i] === 1
    return isDenied && /permi/.test(label('device_error')) ? [label('mountpoint')] : []
  })
  if (first === undefined) return []
  const rest = more.length === 0 ? '' : ` and ${more.length} more`
  const remedy = 'CAP_DAC_READ_SEARCH, or --collector.filesystem.mount-points-exclude'
  return [warn(`collector ${name}`, `permission denied for mount point ${first}${rest}, its usage is missing`, remedy)]
}

/** Without procfs nearly all collectors fail. One finding replaces theirs. */
function procfs({ paths }: Config): readonly Finding[] {
  if (existsSync(`${paths.procfs}/stat`)) return []
  const remedy = 'set path.procfs to the mount point of procfs (/proc, except in a container)'
  return [fail('procfs', `${paths.procfs}/stat does not exist: no procfs is mounted there`, remedy)]
}

/** A container has its own /proc. */
function container({ paths }: Config): readonly Finding[] {
  const isInside = existsSync('/.dockerenv') || existsSync('/run/.containerenv')
  if (!isInside || paths.rootfs !== '/') return []
  const remedy =
    'mount / of the host at /host and set --path.procfs=/host/proc --path.sysfs=/host/sys --path.rootfs=/host'
  return [
    warn('container', 'hostpush runs in a container and reads the /proc of the container, not of the host', remedy),
  ]
}
