import { fields, lines } from '../fs/text.ts'

/**
 * /proc/net/rpc/nfs and nfsd: `key n n …` lines. In those of a protocol version (`proc4 59 1 2 …`) the first number
 * says how many follow; it is checked and left out here.
 */
export function parseRpcStats(text: string): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, readonly number[]>()
  for (const line of lines(text)) {
    const [key, ...words] = fields(line)
    if (key === undefined) continue
    const numbers = words.map(Number)
    const counted = key.startsWith('proc')
    if (numbers.some(Number.isNaN) || (counted && numbers[0] !== numbers.length - 1))
      throw new Error(`rpc: ${JSON.stringify(line.slice(0, 200))} is not a line of counters`)
    found.set(key, counted ? numbers.slice(1) : numbers)
  }
  if (found.size === 0) throw new Error('rpc: no counters')
  return found
}

/** Counts of calls by procedure. What a kernel has no column for was never called. */
export function* calls(names: string, counts: readonly number[] = []): Generator<[method: string, count: number]> {
  for (const [i, method] of names.split(' ').entries()) yield [method, counts[i] ?? 0]
}

/** Procedures of NFS 2 and 3 by number; the client's and the server's alike. */
export const version2 =
  'Null GetAttr SetAttr Root Lookup ReadLink Read WrCache Write Create Remove Rename Link SymLink MkDir RmDir ' +
  'ReadDir FsStat'
export const version3 =
  'Null GetAttr SetAttr Lookup Access ReadLink Read Write Create MkDir SymLink MkNod Remove RmDir Rename Link ' +
  'ReadDir ReadDirPlus FsStat FsInfo PathConf Commit'
