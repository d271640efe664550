import { readFileSync, statSync } from 'node:fs'

/** What opens a file that this user may not read, where more is known than its mode. */
const byPath: readonly (readonly [path: RegExp, grant: string])[] = [
  [/\/energy_uj$/, 'a udev rule that lets a group read energy_uj, CAP_DAC_READ_SEARCH, or root'],
  [
    /^\/proc\/\d+\/|\/proc\/\d+\/(fd|io|stat|task)/,
    "CAP_SYS_PTRACE, or hidepid off for this user's group (gid= of the mount of /proc)",
  ],
  [/\/debug\//, 'root, with debugfs mounted'],
  [/^\/(root|home|var\/lib)\//, 'read access for this user; under systemd also ProtectHome=read-only'],
]

/** What lets a system call or a service through, by the words of its failure. */
const byWords: readonly (readonly [words: RegExp, grant: string])[] = [
  [/koffi/, 'install it: npm ci without --omit=optional; --no-collector leaves the collector out'],
  [/^textfile .*ENOENT/, 'make the directory, or take it out of collectors.textfile.directory'],
  [/perf/i, 'CAP_PERFMON, or sysctl kernel.perf_event_paranoid=0'],
  [
    /d-?bus|system_bus_socket/i,
    "the host's D-Bus socket: in a container mount /run/dbus and set DBUS_SYSTEM_BUS_ADDRESS",
  ],
  [/netlink|ethtool|wifi|nl80211/i, 'CAP_NET_ADMIN'],
  [/ioctl|btrfs/i, 'CAP_SYS_ADMIN'],
]

/** Which capability, group or flag lets a collector read a file. */
export function grantFor(path: string): string {
  const known = byPath.find(([pattern]) => pattern.test(path))?.[1]
  if (known !== undefined) return known
  const group = readingGroup(path)
  const capability = 'CAP_DAC_READ_SEARCH (AmbientCapabilities= of a unit), or root'
  return group === undefined ? capability : `the group ${group} (SupplementaryGroups= of a unit), ${capability}`
}

/** What to do about a failure of a collector. */
export const grantForFailure = (collector: string, words: string): string =>
  byWords.find(([pattern]) => pattern.test(`${collector} ${words}`))?.[1] ??
  `see what it says; --no-collector.${collector} leaves it out`

/** The group that may read a file, if there is one that somebody can be made a member of. */
function readingGroup(path: string): string | undefined {
  try {
    const { mode, gid } = statSync(path)
    if ((mode & 0o040) === 0 || gid === 0) return undefined
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((one) => one.split(':')[2] === String(gid))
    return line?.split(':')[0] ?? String(gid)
  } catch {
    return undefined // its directory may not be read either
  }
}
