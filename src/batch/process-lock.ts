import { createServer } from 'node:net'
import { crc32 } from 'node:zlib'
import { byCodeUnit, type Labels } from '../metrics/index.ts'

/** A lock that one process of this host holds. The kernel releases it when the process ends, also after a crash. */
export interface Claim {
  release(): void
}

/** Takes a lock; undefined if another process holds it. The lock is an abstract socket, see unix(7): it has no file. */
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

/** The series that are pushed, and where to. */
interface ClaimScope {
  readonly identity: Labels
  readonly buffer: { readonly directory: string }
  readonly outputs: readonly { readonly options: { readonly url: URL } }[]
}

/** The lock's name, equal for processes that push the same series to the same URLs through the same buffer directory. */
export function socketName(what: string, { identity, buffer, outputs }: ClaimScope): string {
  const labels = Object.entries(identity).toSorted(([left], [right]) => byCodeUnit(left, right))
  const to = outputs.map(({ options }) => options.url.href)
  return `${what} ${crc32(JSON.stringify([labels, buffer.directory, to])).toString(16)}`
}

/** The lock of the process that pushes the series of this host. */
export const claimHostSeries = (pushed: ClaimScope): Promise<Claim | undefined> => claim(socketName('host', pushed))
