import { collectEach, collector, parseEach } from '../collector.ts'
import { type Dir, lines, numberOf } from '../host/index.ts'

import { familyOf, gauge } from '../metrics/index.ts'

const socketsUsed = gauge('node_sockstat_sockets_used', 'Sockets of all kinds in use.')
const count = familyOf((key) => gauge(`node_sockstat_${key}`, `${meaning(key)}: ${key} of /proc/net/sockstat.`))

const meanings: Readonly<Record<string, string>> = {
  inuse: 'Sockets in use',
  orphan: 'Sockets without a process',
  tw: 'Sockets in TIME_WAIT',
  alloc: 'Sockets allocated',
  mem: 'Pages of memory in buffers',
  mem_bytes: 'Bytes of memory in buffers',
  memory: 'Bytes of memory in use',
}
const meaning = (key: string) => meanings[key.slice(key.indexOf('_') + 1)]

/** https://www.kernel.org/doc/html/latest/networking/: counts of sockets by protocol. */
export default collector({
  name: 'sockstat',
  about: 'Counts sockets in use, and their memory, by protocol. Reads /proc/net/sockstat and /proc/net/sockstat6.',
  state: () => ({ pageBytes: 0 }),
  collect({ proc, emit, state }) {
    state.pageBytes ||= pageBytes(proc)
    collectEach(['net/sockstat', 'net/sockstat6'], (file) => {
      for (const [protocol, name, value] of parseSockstat(proc.readIfAny(file) ?? '')) {
        if (protocol === 'sockets' && name === 'used') emit(socketsUsed, value)
        else if (name in meanings) emit(count(`${protocol}_${name}`), value)
        if (name === 'mem') emit(count(`${protocol}_mem_bytes`), value * state.pageBytes)
      }
    })
  },
})

/** `TCP: inuse 4 orphan 0 mem 1`: names and values alternate. */
export function* parseSockstat(text: string): Generator<Count> {
  for (const counts of parseEach(lines(text), parseProtocol)) yield* counts
}

type Count = readonly [protocol: string, name: string, value: number]

function parseProtocol(line: string): Count[] {
  const [protocol = '', ...pairs] = line.split(' ')
  if (!protocol.endsWith(':') || pairs.length === 0 || pairs.length % 2 === 1)
    throw new Error(`sockstat: ${JSON.stringify(line.slice(0, 80))} is not a protocol with names and values`)
  const counts: Count[] = []
  for (let i = 0; i < pairs.length; i += 2)
    counts.push([protocol.slice(0, -1), pairs[i] ?? '', numberOf(pairs[i + 1] ?? '', () => 'sockstat')])
  return counts
}

/** AT_PAGESZ of this process's auxiliary vector, pairs of 64-bit words: see getauxval(3). 4096 if it cannot be read. */
export function pageBytes(proc: Dir): number {
  let vector: Buffer
  try {
    vector = proc.bytes('self/auxv')
  } catch {
    return 4096 // the /proc of another host, or no permission to read it
  }
  for (let at = 0; at + 16 <= vector.length; at += 16)
    if (vector.readBigUInt64LE(at) === 6n) return Number(vector.readBigUInt64LE(at + 8))
  return 4096
}
