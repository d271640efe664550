import { fields, lines } from '../fs/text.ts'

/**
 * /proc/net/rpc/nfs and nfsd: lines `key n n …`. In lines of a protocol version (`proc4 59 1 2 …`) the first number is the
 * count of the others; it is checked and omitted from the result.
 */
export function parseRpcStats(text: string): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, readonly number[]>()
  for (const line of lines(text)) {
    const [key, ...words] = fields(line)
    if (key === undefined) continue
    const numbers = words.map(Number)
    const hasCount = key.startsWith('proc')
    if (numbers.some(Number.isNaN) || (hasCount && numbers[0] !== numbers.length - 1))
      throw new Error(`rpc: ${JSON.stringify(line.slice(0, 200))} is not a line of counters`)
    found.set(key, hasCount ? numbers.slice(1) : numbers)
  }
  if (found.size === 0) throw new Error('rpc: no counters')
  return found
}

/** Counts of calls by procedure. A missing column counts as 0. */
export function* calls(names: string, counts: readonly number[] = []): Generator<[method: string, count: number]> {
  for (const [i, method] of names.split(' ').entries()) yield [method, counts[i] ?? 0]
}

/** Procedures of NFS 2 and 3 by number, for client and server. */
export const version2 =
  'Null GetAttr SetAttr Root Lookup ReadLink Read WrCache Write Create Remove Rename Link SymLink MkDir RmDir ' +
  'ReadDir FsStat'
export const version3 =
  'Null GetAttr SetAttr Lookup Access ReadLink Read Write Create MkDir SymLink MkNod Remove RmDir Rename Link ' +
  'ReadDir ReadDirPlus FsStat FsInfo PathConf Commit'
