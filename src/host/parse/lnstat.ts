import { fields, lines } from '../fs/text.ts'

/** A file of /proc/net/stat: a line of names, then a row for each CPU. */
export interface Lnstat {
  readonly names: readonly string[]
  readonly rows: readonly (readonly number[])[]
}

/** Numbers are hexadecimal without a prefix. Named after iproute2's lnstat, which reads these files. */
export function parseLnstat(text: string): Lnstat {
  const [header = '', ...rest] = lines(text)
  const names = fields(header)
  const rows = rest.map((line) => fields(line).map(hex))
  return { names, rows }
}

function hex(word: string): number {
  const value = Number(`0x${word}`)
  if (Number.isNaN(value)) throw new Error(`net/stat: ${JSON.stringify(word)} is not a hexadecimal number`)
  return value
}
