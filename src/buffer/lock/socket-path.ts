import { open } from 'node:fs/promises'

/** unix(7): sun_path has 108 bytes, including the terminating zero. */
const maxPathBytes = 107

/**
 * A path that is short enough to bind or connect a socket. A longer path goes through a descriptor of its directory:
 * call `release` after bind or connect.
 */
export async function reachable(path: string): Promise<{ readonly path: string; release(): Promise<void> }> {
  if (Buffer.byteLength(path) <= maxPathBytes) return { path, release: async () => {} }
  const cut = path.lastIndexOf('/')
  const directory = await open(path.slice(0, cut), 'r')
  return { path: `/proc/self/fd/${directory.fd}${path.slice(cut)}`, release: () => directory.close() }
}
