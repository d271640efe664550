import { codeOf } from './files.ts'

/** Go's errno texts on Linux, for the `device_error` label. https://man7.org/linux/man-pages/man3/errno.3.html */
const texts: Readonly<Record<number, string>> = {
  1: 'operation not permitted',
  2: 'no such file or directory',
  4: 'interrupted system call',
  5: 'input/output error',
  6: 'no such device or address',
  9: 'bad file descriptor',
  11: 'resource temporarily unavailable',
  12: 'cannot allocate memory',
  13: 'permission denied',
  14: 'bad address',
  16: 'device or resource busy',
  18: 'invalid cross-device link',
  19: 'no such device',
  20: 'not a directory',
  22: 'invalid argument',
  23: 'too many open files in system',
  24: 'too many open files',
  28: 'no space left on device',
  30: 'read-only file system',
  36: 'file name too long',
  38: 'function not implemented',
  40: 'too many levels of symbolic links',
  61: 'no data available',
  62: 'timer expired',
  64: 'machine is not on the network',
  67: 'link has been severed',
  70: 'communication error on send',
  71: 'protocol error',
  74: 'bad message',
  75: 'value too large for defined data type',
  95: 'operation not supported',
  100: 'network is down',
  101: 'network is unreachable',
  102: 'network dropped connection on reset',
  103: 'software caused connection abort',
  104: 'connection reset by peer',
  105: 'no buffer space available',
  107: 'transport endpoint is not connected',
  108: 'cannot send after transport endpoint shutdown',
  110: 'connection timed out',
  111: 'connection refused',
  112: 'host is down',
  113: 'no route to host',
  116: 'stale NFS file handle',
  117: 'structure needs cleaning',
  121: 'remote I/O error',
  122: 'disk quota exceeded',
  123: 'no medium found',
  126: 'required key not available',
  127: 'key has expired',
  128: 'key has been revoked',
  129: 'key was rejected by service',
}

/** Texts of glibc and musl that differ from Go's in more than a capital letter. */
const otherWords: Readonly<Record<string, number>> = {
  'Stale file handle': 116,
  'I/O error': 5,
  'Out of memory': 12,
  'Resource busy': 16,
  'No file descriptors available': 24,
  'Filename too long': 36,
  'Symbolic link loop': 40,
  'Device timeout': 62,
  'Value too large for data type': 75,
  'Not supported': 95,
  'Network unreachable': 101,
  'Connection reset by network': 102,
  'Connection aborted': 103,
  'Socket not connected': 107,
  'Cannot send after socket shutdown': 108,
  'Operation timed out': 110,
  'Host is unreachable': 113,
  'Quota exceeded': 122,
}

/** Go's text for an error of one of Node's system calls; the error's message if it has no errno. */
export function errnoText(error: unknown): string {
  if (codeOf(error) === 'ERR_INVALID_ARG_VALUE') return textOf(22) // EINVAL: Node rejects a path with a NUL byte
  const negative = error instanceof Error && 'errno' in error ? Number(error.errno) : Number.NaN
  return Number.isInteger(negative) ? textOf(-negative) : String(error)
}

/** Go's text for a text of strerror(3) in the C locale. */
export function goText(words: string): string {
  const other = otherWords[words]
  if (other !== undefined) return textOf(other)
  const [, unknown] = /^Unknown error (\d+)$/.exec(words) ?? []
  return unknown === undefined
    ? words.replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase())
    : textOf(Number(unknown))
}

function textOf(errno: number): string {
  return texts[errno] ?? `errno ${errno}`
}
