import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compare, type Difference, type Exposition, expositionOf, isListed, listedDifferences } from './compare.ts'
import type { RunningPeer } from './peer.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** How to run both programs and which families to compare. */
export interface ComparisonSetup {
  readonly name: string
  readonly flags: readonly string[]
  readonly cwd: string
  /** A command prefix, for example to run as another user or in a namespace. */
  readonly within?: readonly string[]
  /** Families that are not compared. */
  readonly ignored: RegExp
  /** Families with values that change: only their series are compared. */
  readonly moving: RegExp
}

export const nothing = /^$/

/**
 * Families of the live host with values that go up and down, or change because they are read. All other values are
 * compared if the peer reports the same value before and after: then a counter did not change in between.
 */
export const moving = new RegExp(
  `^(process_|node_(${[
    'arp_entries|boot_time|cpu_(frequency|scaling_frequency)|disk_io_now|entropy_available|filefd_allocated|hwmon_|load',
    'filesystem_(avail|files_free|free)|memory_(?!MemTotal|SwapTotal|Huge)|netstat_Tcp_CurrEstab|nf_conntrack_entries$',
    'power_supply_|processes_|procs_|scrape_collector_duration|sockstat_|swap_|tcp_|thermal_zone_temp|time_seconds',
    'timex_(estimated_error|frequency|maxerror|offset|pps)|udp_queues|zfs_|zoneinfo_',
  ].join('|')}))`,
)

/** Momentary states of processes and connections: compared only on hosts of files. */
export const momentary = /^node_(processes_(threads_)?state|tcp_connection_states)/

export interface ComparisonResult {
  /** The compared families of the peer. */
  readonly peer: Exposition
  readonly listed: readonly Difference[]
  readonly unlisted: readonly Difference[]
}

/** The rows of docs/differences.md. */
export const listed = listedDifferences(readFileSync(join(root, 'docs/differences.md'), 'utf8'))

/** Compares a running peer with hostpush; `ours` gives hostpush different flags. */
export async function comparePrograms(
  peer: RunningPeer,
  setting: ComparisonSetup,
  ours = setting.flags,
): Promise<ComparisonResult> {
  const before = expositionOf(await peer.read())
  const own = expositionOf(runCollect(setting, ours))
  const after = expositionOf(await peer.read())
  const isCompared = (family: string) => !setting.ignored.test(family)
  const differences = compare({ before, after }, own, (family) => setting.moving.test(family)).filter(({ family }) =>
    isCompared(family),
  )
  return {
    peer: new Map([...before].filter(([family]) => isCompared(family))),
    listed: differences.filter((one) => isListed(one, listed)),
    unlisted: differences.filter((one) => !isListed(one, listed)),
  }
}

/** The output of `hostpush collect`. */
export function runCollect({ cwd, within = [] }: ComparisonSetup, flags: readonly string[]): string {
  const [command = '', ...args] = [...within, process.execPath, join(root, 'src/cli.ts'), 'collect', ...flags]
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** A command prefix that runs as another user, and a copy of the peer's program in `folder` that this user can run. */
export function asUser(user: string, program: string, folder: string) {
  const copy = join(folder, 'node_exporter')
  copyFileSync(program, copy)
  for (const path of [folder, copy]) chmodSync(path, 0o755)
  const group = execFileSync('id', ['--group', user], { encoding: 'utf8' }).trim()
  return { program: copy, within: ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups', '--'] }
}
