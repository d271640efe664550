import { closeSync, constants, openSync } from 'node:fs'
import { codeOf } from '../fs/files.ts'
import { decodeUtf8, pathBytes } from '../fs/text.ts'
import type { Libc } from './ffi.ts'

/* Data of a mounted btrfs that sysfs does not have: include/uapi/linux/btrfs.h. Device requests require CAP_SYS_ADMIN. */

export interface BtrfsVolume {
  /** The name of its directory below /sys/fs/btrfs. */
  readonly id: string
  readonly devices: readonly BtrfsDevice[]
}

export interface BtrfsDevice {
  readonly id: string
  readonly name: string
  readonly sizeBytes: number
  readonly allocatedBytes: number
  /** Error counts since the last reset, by kind. */
  readonly errors: readonly (readonly [kind: string, count: number])[]
}

/** ioctl(2) requests, lengths of their structures, and offsets of the fields. */
const fsInfo = { request: 0x8400941f, length: 1024, maxId: 0, fsid: 16 } as const
const devInfo = { request: 0xd000941e, length: 4096, id: 0, uuid: 8, used: 24, total: 32, path: 3072 } as const
const devStats = { request: 0xc4089434, length: 1032, id: 0, count: 8, values: 24 } as const
/** Kinds of errors, in the order of enum btrfs_dev_stat_values. */
const kinds = ['write', 'read', 'flush', 'corruption', 'generation']

/** Reads a volume. Closes the descriptor at the end: an open one would prevent an unmount. */
export async function btrfs(libc: Libc, mountpoint: string): Promise<BtrfsVolume> {
  const fd = openSync(pathBytes(mountpoint), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const info = Buffer.alloc(fsInfo.length)
    await libc.ioctl(fd, fsInfo.request, info)
    const devices: BtrfsDevice[] = []
    for (let id = 0n; id <= info.readBigUInt64LE(fsInfo.maxId); id++) {
      const device = await deviceOf(libc, fd, id)
      if (device !== undefined) devices.push(device)
    }
    return { id: uuidAt(info, fsInfo.fsid), devices }
  } finally {
    closeSync(fd)
  }
}

/** Undefined (ENODEV) for the id of a removed device; btrfs does not reuse ids. */
async function deviceOf(libc: Libc, fd: number, id: bigint): Promise<BtrfsDevice | undefined> {
  const info = Buffer.alloc(devInfo.length)
  info.writeBigUInt64LE(id, devInfo.id)
  try {
    await libc.ioctl(fd, devInfo.request, info)
  } catch (error) {
    if (codeOf(error) === 'ENODEV') return undefined
    throw error
  }
  const stats = Buffer.alloc(devStats.length)
  stats.writeBigUInt64LE(id, devStats.id)
  stats.writeBigUInt64LE(BigInt(kinds.length), devStats.count)
  await libc.ioctl(fd, devStats.request, stats)
  const path = info.subarray(devInfo.path)
  return {
    id: uuidAt(info, devInfo.uuid),
    name: decodeUtf8(path.subarray(0, path.indexOf(0))).replace(/^.*\//, ''),
    sizeBytes: Number(info.readBigUInt64LE(devInfo.total)),
    allocatedBytes: Number(info.readBigUInt64LE(devInfo.used)),
    errors: kinds.map((kind, i) => [kind, Number(stats.readBigUInt64LE(devStats.values + 8 * i))]),
  }
}

function uuidAt(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at, at + 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
