import { open } from 'node:fs/promises'

/** sockaddr_un holds 108 bytes, the zero at the end with them. */
const maxPathBytes = 107

/**
 * A path by which a socket can be bound or connected to. One that is too long is reached through a descriptor of its
 * directory, which must stay open until that is done.
 */
export async function reachable(path: string): Promise<{ readonly path: string; release(): Promise<void> }> {
  if (Buffer.byteLength(path) <= maxPathBytes) return { path, release: async () => {} }
  const cut = path.lastIndexOf('/')
  const directory = await open(path.slice(0, cut), 'r')
  return { path: `/proc/self/fd/${directory.fd}${path.slice(cut)}`, release: () => directory.close() }
}
