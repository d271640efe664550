import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compare, type Difference, type Exposition, expositionOf, isKnown, knownOf } from './compare.ts'
import type { RunningPeer } from './peer.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Under what both programs are run, and what of their pages is compared. */
export interface Setting {
  readonly name: string
  readonly flags: readonly string[]
  readonly cwd: string
  /** A command that runs the one behind it as it is to be run: by another user, in a namespace. */
  readonly within?: readonly string[]
  /** Families that are not looked at. */
  readonly leftOut: RegExp
  /** Families of which only the series are compared. */
  readonly moving: RegExp
}

export const nothing = /^$/

/**
 * Families of the live host that go up and down, or that the reading itself moves. Others are compared exactly where
 * the peer says the same before and after: a counter that has not moved then did not move between.
 */
export const moving = new RegExp(
  `^(process_|node_(${[
    'arp_entries|boot_time|cpu_(frequency|scaling_frequency)|disk_io_now|entropy_available|filefd_allocated|hwmon_|load',
    'filesystem_(avail|files_free|free)|memory_(?!MemTotal|SwapTotal|Huge)|netstat_Tcp_CurrEstab|nf_conntrack_entries$',
    'power_supply_|processes_|procs_|scrape_collector_duration|sockstat_|swap_|tcp_|thermal_zone_temp|time_seconds',
    'timex_(estimated_error|frequency|maxerror|offset|pps)|udp_queues|zfs_|zoneinfo_',
  ].join('|')}))`,
)

/** States that some process or connection is in at this very moment: only hosts that stand still are judged by them. */
export const passing = /^node_(processes_(threads_)?state|tcp_connection_states)/

export interface Verdict {
  /** What the peer says, of the families that are looked at. */
  readonly peer: Exposition
  readonly known: readonly Difference[]
  readonly unknown: readonly Difference[]
}

/** What docs/differences.md lists. */
export const known = knownOf(readFileSync(join(root, 'docs/differences.md'), 'utf8'))

/** Compares what a running peer says with what we do; `ours` where we are to be run with other flags. */
export async function judge(peer: RunningPeer, setting: Setting, ours = setting.flags): Promise<Verdict> {
  const before = expositionOf(await peer.read())
  const own = expositionOf(collected(setting, ours))
  const after = expositionOf(await peer.read())
  const isSeen = (family: string) => !setting.leftOut.test(family)
  const differences = compare({ before, after }, own, (family) => setting.moving.test(family)).filter(({ family }) =>
    isSeen(family),
  )
  return {
    peer: new Map([...before].filter(([family]) => isSeen(family))),
    known: differences.filter((one) => isKnown(one, known)),
    unknown: differences.filter((one) => !isKnown(one, known)),
  }
}

/** What `hostpush collect` prints. */
export function collected({ cwd, within = [] }: Setting, flags: readonly string[]): string {
  const [command = '', ...args] = [...within, process.execPath, join(root, 'src/cli.ts'), 'collect', ...flags]
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs a command as another user; `folder` gets a copy of the peer's program that this user may run. */
export function asUser(user: string, program: string, folder: string) {
  const copy = join(folder, 'node_exporter')
  copyFileSync(program, copy)
  for (const path of [folder, copy]) chmodSync(path, 0o755)
  const group = execFileSync('id', ['--group', user], { encoding: 'utf8' }).trim()
  return { program: copy, within: ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups', '--'] }
}
