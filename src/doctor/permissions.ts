import { readFileSync, statSync } from 'node:fs'

/** Remedies for files with known paths, by path. */
const byPath: readonly (readonly [path: RegExp, grant: string])[] = [
  [/\/energy_uj$/, 'grant read access: a udev rule with a group for energy_uj, CAP_DAC_READ_SEARCH, or root'],
  [
    /^\/proc\/\d+\/|\/proc\/\d+\/(fd|io|stat|task)/,
    'grant CAP_SYS_PTRACE, or exempt a group of this user from hidepid (gid= option of the /proc mount)',
  ],
  [/\/debug\//, 'mount debugfs, and run as root'],
  [/^\/(root|home|var\/lib)\//, 'grant read access to this user; in a systemd unit also set ProtectHome=read-only'],
]

/** Remedies for failures of system calls and services, by the error text. */
const byWords: readonly (readonly [words: RegExp, grant: string])[] = [
  [/koffi/, 'run npm ci without --omit=optional, or disable the collector with --no-collector.NAME'],
  [/^textfile .*ENOENT/, 'create the directory, or remove it from collectors.textfile.directory'],
  [/perf/i, 'grant CAP_PERFMON, or set sysctl kernel.perf_event_paranoid=0'],
  [
    /d-?bus|system_bus_socket/i,
    'give access to the D-Bus socket of the host; in a container mount /run/dbus and set DBUS_SYSTEM_BUS_ADDRESS',
  ],
  [/netlink|ethtool|wifi|nl80211/i, 'grant CAP_NET_ADMIN'],
  [/ioctl|btrfs/i, 'grant CAP_SYS_ADMIN'],
]

/** The capability, group or flag that lets a collector read a file. */
export function grantFor(path: string): string {
  const known = byPath.find(([pattern]) => pattern.test(path))?.[1]
  if (known !== undefined) return known
  const group = readingGroup(path)
  const capability = 'CAP_DAC_READ_SEARCH (AmbientCapabilities= of a unit), or run as root'
  return group === undefined
    ? `grant ${capability}`
    : `add this user to the group ${group} (SupplementaryGroups= of a unit), grant ${capability}`
}

/** The remedy for a failure of a collector. */
export const grantForFailure = (collector: string, words: string): string =>
  byWords.find(([pattern]) => pattern.test(`${collector} ${words}`))?.[1] ??
  `correct the reason in the message, or disable the collector with --no-collector.${collector}`

/** The group that can read a file; undefined if the group cannot, or is root. */
function readingGroup(path: string): string | undefined {
  try {
    const { mode, gid } = statSync(path)
    if ((mode & 0o040) === 0 || gid === 0) return undefined
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((one) => one.split(':')[2] === String(gid))
    return line?.split(':')[0] ?? String(gid)
  } catch {
    return undefined // no permission for the directory either
  }
}
