import { existsSync } from 'node:fs'
import { createCycle, type EnabledCollector } from '../collect/index.ts'
import type { Config } from '../config/index.ts'
import { diskFiles, type FileReader, openHost, recordingDenied } from '../host/index.ts'

import { SeriesTable, type Snapshot, SnapshotBuilder } from '../metrics/index.ts'

import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { grantFor, grantForFailure } from './permissions.ts'

const deadlineMs = 5000

/** What came of one collector alone. */
interface CollectorCheck {
  readonly name: string
  readonly snapshot: Snapshot
  readonly denied: readonly string[]
  /** What it said was wrong; empty where nothing was. */
  readonly failure: string
  readonly hasNothing: boolean
}

/** Runs each collector that is switched on, alone, and tells what it may not read. */
export async function checkCollectors(
  config: Config,
  clock: Clock,
  filesAt: (root: string) => FileReader = diskFiles,
): Promise<readonly Finding[]> {
  const missing = procfs(config)
  if (missing.length > 0) return missing
  const denied = new Set<string>()
  const host = openHost(config, clock, (root) => recordingDenied(filesAt(root), (path) => denied.add(path)))
  const seen: CollectorCheck[] = []
  try {
    for (const enabled of config.collectors) {
      denied.clear()
      seen.push({ ...(await alone(enabled, { config, clock, host })), denied: [...denied] })
    }
  } finally {
    host.close()
  }
  const empty = seen.filter((one) => one.hasNothing && one.denied.length === 0).map(({ name }) => name)
  const findings = seen.flatMap((one) => [...deniedIn(one), ...failureOf(one), ...mountsIn(one)])
  const ill = new Set(findings.map(({ thing }) => thing)).size
  const nothing = empty.length === 0 ? '' : `; this host has nothing of ${empty.join(', ')}`
  return [
    ...container(config),
    ok('collectors', `${seen.length - ill} of ${seen.length} read all they want${nothing}`),
    ...findings,
  ]
}

interface HostContext {
  readonly config: Config
  readonly clock: Clock
  readonly host: ReturnType<typeof openHost>
}

async function alone(
  enabled: EnabledCollector,
  { config, clock, host }: HostContext,
): Promise<Omit<CollectorCheck, 'denied'>> {
  const failures: string[] = []
  let hasNothing = false
  const note: Log['error'] = (_, fields) => void failures.push(String(fields?.['err'] ?? fields?.['reason'] ?? ''))
  const log: Log = { error: note, warn: note, info() {}, debug: () => (hasNothing = true) }
  const builder = new SnapshotBuilder(new SeriesTable(config.identity))
  const { interfaces } = config
  const cycle = createCycle({
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
  return { name: enabled.collector.name, snapshot, failure: failures.join('; '), hasNothing }
}

/** Where it gives nothing at all for it, it is a failure. */
function deniedIn({ name, denied, failure }: CollectorCheck): readonly Finding[] {
  const [first] = denied
  if (first === undefined) return []
  const more = denied.length === 1 ? '' : ` and ${denied.length - 1} more`
  const text = `may not read ${first}${more}: their metrics are missing`
  const tell = isDenial.test(failure) ? fail : warn
  return [tell(`collector ${name}`, text, grantFor(first))]
}

const isDenial = /^(EACCES|EPERM)\b/

function failureOf({ name, failure, denied }: CollectorCheck): readonly Finding[] {
  const isTold = denied.length > 0 && isDenial.test(failure)
  return failure === '' || isTold ? [] : [fail(`collector ${name}`, failure, grantForFailure(name, failure))]
}

/** Mount points that the kernel does not let us look at. */
function mountsIn({ name, snapshot: { series, values } }: CollectorCheck): readonly Finding[] {
  const [first, ...more] = series.flatMap(({ family, labelValues }, i) => {
    const label = (of: string) => labelValues[(family.labelNames as readonly string[]).indexOf(of)] ?? ''
    const isDenied = family.name === 'node_filesystem_device_error' && values[i] === 1
    return isDenied && /permi/.test(label('device_error')) ? [label('mountpoint')] : []
  })
  if (first === undefined) return []
  const rest = more.length === 0 ? '' : ` and ${more.length} more`
  const remedy = 'CAP_DAC_READ_SEARCH, or --collector.filesystem.mount-points-exclude'
  return [warn(`collector ${name}`, `may not look at ${first}${rest}: how full it is is missing`, remedy)]
}

/** Without it collectors would fail one by one, each in its own words. */
function procfs({ paths }: Config): readonly Finding[] {
  if (existsSync(`${paths.procfs}/stat`)) return []
  const remedy = 'path.procfs is where procfs is mounted, /proc unless in a container'
  return [fail('procfs', `${paths.procfs} holds no stat: no procfs is mounted there`, remedy)]
}

/** In a container /proc is the container's own. */
function container({ paths }: Config): readonly Finding[] {
  const isInside = existsSync('/.dockerenv') || existsSync('/run/.containerenv')
  if (!isInside || paths.rootfs !== '/') return []
  const remedy =
    "mount the host's / at /host, and give --path.procfs=/host/proc --path.sysfs=/host/sys --path.rootfs=/host"
  return [warn('container', 'runs inside of one, and reads its own /proc, not that of the host', remedy)]
}
