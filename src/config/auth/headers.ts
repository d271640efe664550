import type { Headers } from '../../http/index.ts'
import type { BlockContext } from '../context.ts'
import { headerValue, type TargetShape, unsendable } from '../schema/target.ts'
import { inFile, oddities } from './secrets.ts'

/**
 * The headers of `headers` and `http_headers`. Files in `http_headers` are checked for each request. Several values of one
 * header are sent as a list: https://www.rfc-editor.org/rfc/rfc9110#section-5.3
 */
export async function headersOf(
  block: TargetShape,
  { place, files, problems, warnings }: Pick<BlockContext, 'place' | 'files' | 'problems' | 'warnings'>,
): Promise<() => Headers> {
  const { headers: fixed = {}, http_headers: given = {} } = block
  const entries = Object.entries(given)
  const warnOf = (name: string, value: string) =>
    warnings.push(...oddities(value).map((words) => `${place}.${name}: ${words}`))
  for (const [name, value] of Object.entries(fixed)) warnOf(`headers.${name}`, value)
  for (const [name, { values = [], secrets = [] }] of entries)
    for (const value of [...values, ...secrets]) warnOf(`http_headers.${name}`, value)
  if (entries.length === 0) return () => fixed
  const known = new Set(Object.keys(fixed).map((name) => name.toLowerCase()))
  const all: (readonly [name: string, values: () => readonly string[]])[] = []
  for (const [name, { values = [], secrets = [], files: paths = [] }] of entries) {
    if (known.has(name.toLowerCase())) problems.push(`${place}.http_headers.${name}: set twice, keep only one`)
    known.add(name.toLowerCase())
    const at = { place: `${place}.http_headers.${name}.files`, files, problems }
    const read = await Promise.all(paths.map((path) => inFile(path, at, sendable)))
    all.push([name, () => [...values, ...secrets, ...read.map((content) => content())]])
  }
  return () => ({ ...fixed, ...Object.fromEntries(all.map(([name, values]) => [name, values().join(', ')])) })
}

function sendable(text: string): string {
  if (headerValue.test(text)) return text
  throw new Error(unsendable)
}
