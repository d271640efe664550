import { createServer } from 'node:net'
import { crc32 } from 'node:zlib'
import { byCodeUnit, type Labels } from '../metrics/index.ts'

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

/** Whose series are pushed, and to where. */
interface ClaimScope {
  readonly identity: Labels
  readonly buffer: { readonly directory: string }
  readonly outputs: readonly { readonly options: { readonly url: URL } }[]
}

/** The name for those who would get in each other's way: the same series, to the same places, by way of one buffer. */
export function socketName(what: string, { identity, buffer, outputs }: ClaimScope): string {
  const agentInfo = Object.entries(identity).toSorted(([left], [right]) => byCodeUnit(left, right))
  const to = outputs.map(({ options }) => options.url.href)
  return `${what} ${crc32(JSON.stringify([agentInfo, buffer.directory, to])).toString(16)}`
}

/** Who has it pushes the series of this host. */
export const claimHostSeries = (pushed: ClaimScope): Promise<Claim | undefined> => claim(socketName('host', pushed))
