import { type Context, collectEach, collectEachAsync, collector, collectParts } from '../collector.ts'
import {
  type BtrfsVolume,
  type Dir,
  hangable,
  keyValues,
  type Mount,
  milli,
  mountsOf,
  numberOf,
  sectors,
} from '../host/index.ts'

import { gauge, undatedCounter } from '../metrics/index.ts'

const info = gauge('node_btrfs_info', 'A mounted file system; always 1.', ['label', 'uuid'])
const reserve = gauge('node_btrfs_global_rsv_size_bytes', 'Space reserved for metadata in the global block reserve.', [
  'uuid',
])
const reserved = gauge('node_btrfs_reserved_bytes', 'Space reserved for writes under way.', [
  'block_group_type',
  'uuid',
])
const layoutLabels = ['block_group_type', 'mode', 'uuid'] as const
const size = gauge('node_btrfs_size_bytes', 'Space allocated to block groups.', layoutLabels)
const used = gauge('node_btrfs_used_bytes', 'Space used in block groups.', layoutLabels)
const ratio = gauge('node_btrfs_allocation_ratio', 'Bytes on devices per byte of data.', layoutLabels)

/** Metrics by line name in `commit_stats`; its times are milliseconds. 0 before Linux 6.0, which has no such file. */
const commits = [
  ['commits', undatedCounter('node_btrfs_commits_total', 'Commits.', ['uuid'])],
  ['total_commit_ms', undatedCounter('node_btrfs_commit_seconds_total', 'Time spent in commits.', ['uuid'])],
  ['last_commit_ms', gauge('node_btrfs_last_commit_seconds', 'Time the last commit took.', ['uuid'])],
  ['max_commit_ms', gauge('node_btrfs_max_commit_seconds', 'Time the longest commit took.', ['uuid'])],
] as const

const deviceLabels = ['btrfs_dev_uuid', 'device', 'uuid'] as const
const deviceSize = gauge('node_btrfs_device_size_bytes', 'Size of a device.', deviceLabels)
/** The same metric without the UUID of the device, which sysfs does not have. */
const plainDeviceSize = gauge('node_btrfs_device_size_bytes', 'Size of a device.', ['device', 'uuid'])
const unused = gauge(
  'node_btrfs_device_unused_bytes',
  'Space of a device that is not allocated to a block group.',
  deviceLabels,
)
const errors = undatedCounter('node_btrfs_device_errors_total', 'Errors of a device.', [...deviceLabels, 'type'])

/** https://docs.kernel.org/filesystems/btrfs.html, https://btrfs.readthedocs.io/en/latest/ch-sysfs.html */
export default collector({
  name: 'btrfs',
  about:
    'Reports allocation, commits, devices and device errors of btrfs file systems. Reads /sys/fs/btrfs; as root it also calls ioctl(2) on their mount points.',
  collect(context) {
    const systems = context.sys
      .at('fs/btrfs')
      .children()
      .filter(({ name }) => name.includes('-'))
    return systems.length === 0 ? undefined : both(context, systems)
  },
})

async function both(context: Context, systems: readonly Dir[]): Promise<void> {
  try {
    collectEach(systems, (system) => allocation(context, system))
  } finally {
    await devices(context, systems)
  }
}

const uuidOf = (system: Dir): string => system.text('metadata_uuid') || system.name

function allocation({ emit }: Context, system: Dir): void {
  const uuid = uuidOf(system)
  collectParts(
    () => emit(info, 1, { label: system.text('label') ?? '', uuid }),
    () => emit(reserve, system.numberIfAny('allocation/global_rsv_size'), { uuid }),
    () => {
      const times = new Map(keyValues(system.readIfAny('commit_stats') ?? ''))
      collectEach(commits, ([line, family]) => {
        const value = numberOf(times.get(line) ?? '0', () => 'commit_stats')
        emit(family, line === 'commits' ? value : milli(value), { uuid })
      })
    },
    () => blockGroups(system, uuid, emit),
  )
}

function blockGroups(system: Dir, uuid: string, emit: Context['emit']): void {
  const count = system.children('devices').flatMap((all) => all.children()).length
  collectEach(['data', 'metadata', 'mixed', 'system'], (type) => {
    const group = system.at(`allocation/${type}`)
    const layouts = group.children('', 'directories').map((layout) => () => {
      const labels = { block_group_type: type, mode: layout.name, uuid }
      collectParts(
        () => emit(size, layout.numberIfAny('total_bytes'), labels),
        () => emit(used, layout.numberIfAny('used_bytes'), labels),
        () => emit(ratio, allocationRatio(layout.name, count), labels),
      )
    })
    const reservation = () => emit(reserved, group.numberIfAny('bytes_reserved'), { block_group_type: type, uuid })
    collectParts(reservation, ...layouts)
  })
}

const copies: Readonly<Record<string, number>> = {
  single: 1,
  raid0: 1,
  dup: 2,
  raid1: 2,
  raid10: 2,
  raid1c3: 3,
  raid1c4: 4,
}
const parities: Readonly<Record<string, number>> = { raid5: 1, raid6: 2 }

/** Bytes on devices per byte of data; undefined for an unknown layout or too few devices. */
export function allocationRatio(layout: string, devices: number): number | undefined {
  const parity = parities[layout]
  if (parity === undefined) return copies[layout]
  return devices > parity ? devices / (devices - parity) : undefined
}

/** Reads the devices by ioctl(2). If that is not permitted, reads sysfs, which has fewer values. */
async function devices({ emit, ...context }: Context, systems: readonly Dir[]): Promise<void> {
  const volumes = await volumesOf(context)
  collectEach(systems, (system) => {
    const uuid = uuidOf(system)
    const volume = volumes.get(system.name)
    for (const device of volume?.devices ?? []) {
      const labels = { btrfs_dev_uuid: device.id, device: device.name, uuid }
      emit(deviceSize, device.sizeBytes, labels)
      emit(unused, device.sizeBytes - device.allocatedBytes, labels)
      for (const [type, count] of device.errors) emit(errors, count, { ...labels, type })
    }
    if (volume !== undefined) return
    collectEach(system.at('devices').children(), (device) =>
      emit(plainDeviceSize, sectors(device.numberIfAny('size')), { device: device.name, uuid }),
    )
  })
}

/** Volumes by id, which is the name of their directory in sysfs. Of several mounts of one file system only the first is queried. */
async function volumesOf({ proc, rootfs, kernel }: Omit<Context, 'emit'>): Promise<Map<string, BtrfsVolume>> {
  const volumes = new Map<string, BtrfsVolume>()
  const root = rootfs.path === '/' ? '' : rootfs.path
  await collectEachAsync(mountsByDevice(proc).values(), async ({ path }) => {
    const volume = await kernel.btrfs(root + (path.startsWith(root) ? path.slice(root.length) : path))
    volumes.set(volume.id, volume)
  }).catch(() => {}) // not root, or no system calls: sysfs is read instead
  return volumes
}

/** The first mount of each btrfs device; none if the mounts cannot be read. */
function mountsByDevice(proc: Dir): ReadonlyMap<string, Mount> {
  const found = new Map<string, Mount>()
  try {
    const mounts = mountsOf(proc)
    const mayHang = hangable(mounts)
    for (const mount of mounts)
      if (mount.fstype === 'btrfs' && !mayHang(mount) && !found.has(mount.source)) found.set(mount.source, mount)
  } catch {
    // sysfs is read instead
  }
  return found
}
