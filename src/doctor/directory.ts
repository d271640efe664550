import { accessSync, constants, lstatSync, readdirSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type BufferOptions, diskRemedy, foreignRemedy } from '../buffer/index.ts'
import { messageOf } from '../util/log.ts'
import { sizeText } from '../util/quantity.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** https://man7.org/linux/man-pages/man2/statfs.2.html */
const tmpfs = 0x01021994

/** Whether the backlog can be kept: access to the buffer directory, free space, file system. */
export function checkDirectory({ mode, directory, minFreeBytes, maxBytes }: BufferOptions): Finding {
  if (mode === 'memory') return warn('buffer', 'in memory: a restart loses the backlog', 'set buffer.mode to disk')
  try {
    const place = existing(directory)
    const { bavail, bsize, type } = statfsSync(place)
    accessSync(place, constants.W_OK | constants.X_OK)
    const free = bavail * bsize
    const text = `${directory}: ${sizeText(free)} free, the buffer uses at most ${sizeText(maxBytes)} and keeps ${sizeText(minFreeBytes)} free`
    const unusable = unusableIn(directory)
    if (unusable !== undefined) return unusable
    if (free < minFreeBytes)
      return fail('buffer', `${text}: no space for the buffer`, 'free disk space, or lower buffer.min_free')
    if (type === tmpfs)
      return warn(
        'buffer',
        `${text}; tmpfs, a reboot loses the backlog`,
        'set buffer.directory to a directory on a disk',
      )
    if (free < minFreeBytes + maxBytes) return warn('buffer', text, 'free disk space, or lower buffer.max_bytes')
    return ok('buffer', text)
  } catch (error) {
    const text = messageOf(error)
    return fail('buffer', `${directory}: ${text}`, diskRemedy(text))
  }
}

/** Depth of the directories of a spooled log. */
const maxDepth = 3

/**
 * The first name in the buffer directory that hostpush cannot use: a link, or a file of another user, as `hostpush` run as
 * root leaves it without CAP_SETUID.
 */
function unusableIn(directory: string, root = directory, depth = 0): Finding | undefined {
  const uid = process.geteuid?.()
  for (const name of namesIn(directory)) {
    const path = join(directory, name)
    const status = lstatSync(path, { throwIfNoEntry: false })
    if (status === undefined) continue // deleted meanwhile
    if (status.isSymbolicLink())
      return fail('buffer', `${path} is a symbolic link, which hostpush does not use`, `rm ${path}`)
    if (status.uid !== uid && uid !== 0)
      return fail('buffer', `${path} belongs to user ${status.uid}, this user cannot use it`, foreignRemedy(root))
    const below = status.isDirectory() && depth < maxDepth ? unusableIn(path, root, depth + 1) : undefined
    if (below !== undefined) return below
  }
  return undefined
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return [] // it does not exist yet; its owner was checked before
  }
}

/** The directory, or its nearest parent that exists. */
function existing(directory: string): string {
  try {
    accessSync(directory, constants.F_OK)
    return directory
  } catch (error) {
    if (dirname(directory) === directory) throw error
    return existing(dirname(directory))
  }
}
