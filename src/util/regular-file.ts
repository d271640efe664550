import { accessSync, closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type Stats } from 'node:fs'

/** The content of a regular file. */
export interface RegularFile {
  readonly bytes: Buffer
  readonly mtimeMs: number
  /**
   * Whether messages may quote the content: every user may read the file, and the user of this process may do so without
   * CAP_DAC_READ_SEARCH.
   */
  readonly isPublic: boolean
}

/** Reads a regular file of at most `maxBytes`. Throws for any other file, without waiting for it. */
export function readRegular(path: string | Buffer, maxBytes: number): RegularFile {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const status = fstatSync(fd)
    if (status.isDirectory())
      throw Object.assign(new Error('EISDIR: illegal operation on a directory'), { code: 'EISDIR' })
    if (!status.isFile()) throw new Error('expected a regular file, found a pipe, a socket or a device')
    const tooLarge = () => new Error(`larger than ${maxBytes} bytes`)
    if (status.size > maxBytes) throw tooLarge()
    let bytes = Buffer.allocUnsafeSlow(status.size + 1)
    for (let length = 0; ; ) {
      const got = readSync(fd, bytes, length, bytes.length - length, null)
      length += got
      if (length > maxBytes) throw tooLarge()
      if (got === 0)
        return { bytes: bytes.subarray(0, length), mtimeMs: status.mtimeMs, isPublic: isPublic(fd, status) }
      if (length === bytes.length) bytes = Buffer.concat([bytes], Math.min(2 * length + 4096, maxBytes + 1))
    }
  } finally {
    closeSync(fd)
  }
}

/** access(2) ignores the capabilities of a process that is not root. It checks the directories of the path too. */
function isPublic(fd: number, { mode }: Stats): boolean {
  if ((mode & constants.S_IROTH) === 0) return false
  try {
    accessSync(readlinkSync(`/proc/self/fd/${fd}`), constants.R_OK)
    return true
  } catch {
    return false
  }
}
