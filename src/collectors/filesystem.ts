import { type Context, collector, duration, number, type Options, pattern, type Values } from '../collector.ts'
import { hangable, type Mount, mountsOf, type StatfsAnswer, timedOut, unescapeMount } from '../host/index.ts'

import { filterOf, gauge, type Pattern } from '../metrics/index.ts'

const labelNames = ['device', 'device_error', 'fstype', 'mountpoint'] as const
const size = gauge('node_filesystem_size_bytes', 'Size of the file system.', labelNames)
const free = gauge('node_filesystem_free_bytes', 'Free space, including the space reserved for root.', labelNames)
const avail = gauge('node_filesystem_avail_bytes', 'Free space for users other than root.', labelNames)
const files = gauge('node_filesystem_files', 'Inodes in total.', labelNames)
const filesFree = gauge('node_filesystem_files_free', 'Inodes that are free.', labelNames)
const purgeable = gauge('node_filesystem_purgeable_bytes', 'Space that can be freed on demand: 0 on Linux.', labelNames)
const readonly = gauge('node_filesystem_readonly', 'Whether it is mounted read-only.', labelNames)
const deviceError = gauge('node_filesystem_device_error', 'Whether reading the usage failed.', labelNames)
const mountInfo = gauge('node_filesystem_mount_info', 'The device numbers of a mount; always 1.', [
  'device',
  'major',
  'minor',
  'mountpoint',
])

const options = {
  'mount-points-exclude': pattern(
    '^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)',
    'Mount points to exclude.',
  ),
  'mount-points-include': pattern('', 'Mount points to include; disables the default exclude.'),
  'fs-types-exclude': pattern(
    '^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|' +
      'proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$',
    'File system types to exclude.',
  ),
  'fs-types-include': pattern('', 'File system types to include; disables the default exclude.'),
  'mount-timeout': duration('5s', 'Time after which a mount that does not answer counts as failed.', { hidden: true }),
  'stat-workers': number('4', 'Has no effect.', { hidden: true }),
  'ignored-mount-points': pattern('', 'Former name of mount-points-exclude.', { hidden: true }),
  'ignored-fs-types': pattern('', 'Former name of fs-types-exclude.', { hidden: true }),
} satisfies Options

interface State {
  readonly isIncluded: (mountpoint: string, fstype: string) => boolean
  /** Whether this is not the first interval. Only the first one waits long for remote mounts. */
  isStarted: boolean
}

/** Time that an interval waits for mounts that may hang. */
const waitMs = 100

export default collector({
  name: 'filesystem',
  about:
    'Reports size, free space, inodes and errors of mounted file systems. Reads /proc/1/mountinfo and calls statfs(2).',
  options,
  state: (options): State => {
    const mountpoints = filter(options, 'mount-points', 'ignored-mount-points')
    const types = filter(options, 'fs-types', 'ignored-fs-types')
    return { isIncluded: (mountpoint, fstype) => mountpoints(mountpoint) && types(fstype), isStarted: false }
  },
  collect(context) {
    const { proc, rootfs, statfs, emit, state } = context
    const mounts = mountsOf(proc)
    const mayHang = hangable(mounts)
    const root = rootfs.path === '/' ? '' : rootfs.path
    const remote = new Map<string, Entry[]>()
    for (const entry of entries(mounts, root, state.isIncluded)) {
      if (mayHang(entry.mount)) remote.set(entry.path, [...(remote.get(entry.path) ?? []), entry])
      else report(emit, entry, statfs.here(entry.path))
    }
    const first = !state.isStarted
    state.isStarted = true
    return remote.size === 0 ? undefined : reportRemote(context, remote, first)
  },
})

type FilesystemContext = Context<typeof options, State>

/** A mount that is reported. */
interface Entry {
  readonly mount: Mount
  readonly labels: { readonly device: string; readonly fstype: string; readonly mountpoint: string }
  /** The path for statfs(2), of any bytes. */
  readonly path: string
  /** False if an earlier mount has the same labels but other device numbers. */
  readonly unique: boolean
}

function* entries(mounts: readonly Mount[], root: string, isIncluded: State['isIncluded']): Generator<Entry> {
  const reported = new Set<string>()
  for (const mount of mounts) {
    const { fstype, source: device, major, minor } = mount
    const inside = (path: string) => (path.startsWith(root) ? path.slice(root.length) : path) || '/'
    const mountpoint = inside(unescapeMount(mount.mountpoint))
    if (!isIncluded(mountpoint, fstype)) continue
    const key = JSON.stringify([device, fstype, mountpoint])
    const exactly = `${key}${major}:${minor}`
    if (reported.has(exactly)) continue
    const below = inside(mount.path)
    const path = `${root}${below.startsWith('/') ? '' : '/'}${below}`
    yield { mount, labels: { device, fstype, mountpoint }, path, unique: !reported.has(key) }
    reported.add(key).add(exactly)
  }
}

async function reportRemote(
  { statfs, emit, options, signal, warn }: FilesystemContext,
  remote: Map<string, Entry[]>,
  first: boolean,
) {
  const timeoutMs = options['mount-timeout']
  const waits = { timeoutMs, waitMs: first ? timeoutMs : waitMs, signal }
  for await (const [path, answer] of statfs.apart([...remote.keys()], waits)) {
    const found = remote.get(path) ?? []
    if (answer === timedOut) warn(`${found[0]?.labels.mountpoint} does not answer`)
    for (const entry of found) report(emit, entry, answer)
  }
  if (statfs.problem !== undefined) warn(statfs.problem)
}

function report(emit: FilesystemContext['emit'], { mount, labels: found, unique }: Entry, answer: StatfsAnswer): void {
  const error = 'error' in answer ? answer.error : ''
  const { major, minor } = mount
  if (error === '') emit(mountInfo, 1, { device: found.device, major, minor, mountpoint: found.mountpoint })
  if (!unique) return
  const labels = { ...found, device_error: error }
  emit(deviceError, error === '' ? 0 : 1, labels)
  emit(readonly, answer !== timedOut && isReadonly(mount) ? 1 : 0, labels)
  if ('error' in answer) return
  emit(size, answer.blocks * answer.blockBytes, labels)
  emit(free, answer.free * answer.blockBytes, labels)
  emit(avail, answer.available * answer.blockBytes, labels)
  emit(files, answer.files, labels)
  emit(filesFree, answer.filesFree, labels)
  emit(purgeable, 0, labels)
}

/** An ext4 that was shut down after an error has the option `emergency_ro` next to `rw`. */
function isReadonly({ options, superOptions }: Mount): boolean {
  return options.includes('ro') || superOptions.includes('ro') || superOptions.includes('emergency_ro')
}

type Subject = 'mount-points' | 'fs-types'

/** The deprecated flag replaces exclude, unless an include is set. */
function filter(values: Values<typeof options>, subject: Subject, formerKey: `ignored-${Subject}`) {
  const include: Pattern = values[`${subject}-include`]
  const exclude: Pattern = values[`${subject}-exclude`]
  const former = values[formerKey]
  if (former.source === '') return filterOf(include, exclude)
  if (!exclude.isDefault) throw new Error(`${subject}-exclude and ${formerKey} cannot both be set`)
  return include.source === '' ? filterOf(undefined, former) : filterOf(include, exclude)
}
