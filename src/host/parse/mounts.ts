import type { Dir } from '../fs/dir.ts'
import { codeOf } from '../fs/files.ts'
import { lines, readable } from '../fs/text.ts'

/** A line of mountinfo. */
export interface Mount {
  readonly major: string
  readonly minor: string
  /** The mount point as the kernel writes it: white space and backslashes are octal escapes. */
  readonly mountpoint: string
  /** The mount point without escapes, of any bytes: see `pathBytes`. */
  readonly path: string
  readonly options: readonly string[]
  readonly fstype: string
  /** The device; escaped like the mount point. */
  readonly source: string
  readonly superOptions: readonly string[]
}

/** The mounts of process 1, or those of this process if hidepid hides process 1. */
export function mountsOf(proc: Dir): readonly Mount[] {
  try {
    return proc.oncePaths('1/mountinfo', parseMountinfo)
  } catch (error) {
    if (!hidden.has(codeOf(error))) throw error
    return proc.oncePaths('self/mountinfo', parseMountinfo)
  }
}

/** Errors of hidepid=2 and 1: https://docs.kernel.org/filesystems/proc.html#mount-options */
const hidden = new Set(['ENOENT', 'EACCES', 'EPERM'])

/**
 * Parses a text of `decodePaths`.
 *
 * `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`: there is any
 * number of optional fields before the ` - `, and the source may be empty.
 * https://docs.kernel.org/filesystems/proc.html#proc-pid-mountinfo-information-about-mounts
 */
export function parseMountinfo(text: string): readonly Mount[] {
  return lines(text).map((line) => {
    const separator = line.indexOf(' - ')
    const [, , device = '', , mountpoint, options = ''] = line.slice(0, separator).split(' ')
    const [fstype = '', source = '', superOptions] = line.slice(separator + 3).split(' ')
    const [major, minor] = device.split(':')
    if (
      separator < 0 ||
      major === undefined ||
      minor === undefined ||
      mountpoint === undefined ||
      superOptions === undefined
    )
      throw new Error(`mountinfo: ${JSON.stringify(readable(line).slice(0, 200))} is not a mount`)
    return {
      major,
      minor,
      mountpoint: readable(mountpoint),
      path: mountpoint.includes('\\') ? mountpoint.replace(/\\([0-7]{3})/g, octal) : mountpoint,
      options: options.split(','),
      fstype,
      source: readable(source),
      superOptions: superOptions.split(','),
    }
  })
}

const octal = (_: string, digits: string): string => String.fromCharCode(Number.parseInt(digits, 8))

/** For labels. Unescapes only blank and tab, as node_exporter does: `\012` (line feed) and `\134` (backslash) stay in labels. */
export function unescapeMount(text: string): string {
  return text.includes('\\') ? text.replaceAll('\\040', ' ').replaceAll('\\011', '\t') : text
}

/** File systems without a server or a daemon: system calls on them do not wait for one. */
const local = new Set(
  (
    'bcachefs btrfs erofs exfat ext2 ext3 ext4 f2fs hfs hfsplus iso9660 jffs2 jfs minix msdos nilfs2 ntfs ntfs3 ' +
    'overlay ramfs reiserfs rootfs squashfs tmpfs ubifs udf ufs vfat xfs zfs ' +
    'binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs proc ' +
    'pstore resctrl rpc_pipefs securityfs selinuxfs sysfs tracefs'
  ).split(' '),
)

/** The mount points, as the kernel writes them, of file systems with a server or a daemon. */
export const remoteMountpoints = (mounts: readonly Mount[]): ReadonlySet<string> =>
  new Set(mounts.flatMap(({ fstype, mountpoint }) => (local.has(fstype) ? [] : [mountpoint])))

/**
 * Returns whether statfs(2) on a mount may hang. That is true for remote mounts, and for mounts with a remote mount in
 * their path: resolving the path accesses it.
 */
export function hangable(mounts: readonly Mount[]): (mount: Mount) => boolean {
  const remote = remoteMountpoints(mounts)
  if (remote.size === 0) return () => false
  return ({ mountpoint }) => {
    for (let path = mountpoint; path !== ''; path = path.slice(0, path.lastIndexOf('/')))
      if (remote.has(path)) return true
    return remote.has('/')
  }
}
