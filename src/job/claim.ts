import { createServer } from 'node:net'

/** Something that one process of this host has at a time. It is free again when that has ended, however it has. */
export interface Claim {
  release(): void
}

/** Undefined where another process has it. Names are sockets without a file: unix(7), abstract. */
export async function claim(name: string): Promise<Claim | undefined> {
  const server = createServer((socket) => socket.destroy())
  const isOurs = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(`\0hostpush:${name}`, () => resolve(true))
  })
  if (!isOurs) return undefined
  server.unref()
  return { release: () => server.close() }
}
