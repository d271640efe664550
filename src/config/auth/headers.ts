import type { Headers } from '../../http/index.ts'
import { messageOf } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'
import { headerValue, type TargetShape, unsendable } from '../schema/target.ts'
import { contentOf, oddities } from './secrets.ts'

/**
 * The headers of `headers` and `http_headers`. Files in `http_headers` are read for each request. Several values of one
 * header are sent as a list: https://www.rfc-editor.org/rfc/rfc9110#section-5.3
 */
export function headersOf(block: TargetShape, { place, problems, warnings }: BlockContext): () => Headers {
  const { headers: fixed = {}, http_headers: given = {} } = block
  const entries = Object.entries(given)
  const warnOf = (name: string, value: string) =>
    warnings.push(...oddities(value).map((words) => `${place}.${name}: ${words}`))
  for (const [name, value] of Object.entries(fixed)) warnOf(`headers.${name}`, value)
  for (const [name, { values = [], secrets = [] }] of entries)
    for (const value of [...values, ...secrets]) warnOf(`http_headers.${name}`, value)
  if (entries.length === 0) return () => fixed
  const known = new Set(Object.keys(fixed).map((name) => name.toLowerCase()))
  for (const [name] of entries) {
    if (known.has(name.toLowerCase())) problems.push(`${place}.http_headers.${name}: set twice, keep only one`)
    known.add(name.toLowerCase())
  }
  const all = () => {
    const read = entries.map(([name, { values = [], secrets = [], files = [] }]) => {
      const contents = files.map((file) => valueIn(file, `${place}.http_headers.${name}.files`))
      return [name, [...values, ...secrets, ...contents].join(', ')] as const
    })
    return { ...fixed, ...Object.fromEntries(read) }
  }
  try {
    all()
  } catch (error) {
    problems.push(messageOf(error))
  }
  return all
}

function valueIn(file: string, place: string): string {
  const text = contentOf(file, place)
  if (headerValue.test(text)) return text
  throw new Error(`${place}: ${file}: ${unsendable}`)
}
