import { accessSync, constants, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type BufferOptions, diskRemedy } from '../buffer/index.ts'

import { messageOf } from '../util/log.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** https://man7.org/linux/man-pages/man2/statfs.2.html */
const tmpfs = 0x01021994

/** Whether what waits can be kept: the directory of the buffer, its place on disk, what becomes of it. */
export function checkDirectory({ mode, directory, minFreeBytes, maxBytes }: BufferOptions): Finding {
  if (mode === 'memory')
    return warn('buffer', 'in memory: what waits is lost with the agent', 'buffer.mode: disk, where there is a disk')
  try {
    const place = existing(directory)
    const { bavail, bsize, type } = statfsSync(place)
    accessSync(place, constants.W_OK | constants.X_OK)
    const free = bavail * bsize
    const text = `${directory}: ${size(free)} free, the buffer may grow to ${size(maxBytes)} and leaves ${size(minFreeBytes)}`
    if (free < minFreeBytes) return fail('buffer', `${text}: it cannot grow`, 'make room, or lower buffer.min_free')
    if (type === tmpfs)
      return warn('buffer', `${text}; a restart of the machine loses it`, 'a buffer.directory on a disk')
    if (free < minFreeBytes + maxBytes) return warn('buffer', text, 'make room, or lower buffer.max_bytes')
    return ok('buffer', text)
  } catch (error) {
    const text = messageOf(error)
    return fail('buffer', `${directory}: ${text}`, diskRemedy(text))
  }
}

/** The directory, or the nearest one above it that is there. */
function existing(directory: string): string {
  try {
    accessSync(directory, constants.F_OK)
    return directory
  } catch (error) {
    if (dirname(directory) === directory) throw error
    return existing(dirname(directory))
  }
}

/** In binary units, to one decimal. */
function size(bytes: number): string {
  const steps = Math.min(4, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${Math.round((bytes / 1024 ** steps) * 10) / 10} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][steps]}`
}
