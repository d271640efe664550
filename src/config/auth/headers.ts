import type { Headers } from '../../http/index.ts'
import { messageOf } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'
import { headerValue, type TargetShape, unsendable } from '../schema/target.ts'
import { contentOf } from './secrets.ts'

/**
 * The user's own headers: `headers`, and `http_headers`, whose files are read for each request. Of several values of one
 * header a list is sent: https://www.rfc-editor.org/rfc/rfc9110#section-5.3
 */
export function headersOf(block: TargetShape, { place, problems }: BlockContext): () => Headers {
  const { headers: fixed = {}, http_headers: given = {} } = block
  const entries = Object.entries(given)
  if (entries.length === 0) return () => fixed
  const known = new Set(Object.keys(fixed).map((name) => name.toLowerCase()))
  for (const [name] of entries) {
    if (known.has(name.toLowerCase())) problems.push(`${place}.http_headers.${name}: is given twice; keep one`)
    known.add(name.toLowerCase())
  }
  const all = () => {
    const read = entries.map(([name, { values = [], secrets = [], files = [] }]) => {
      const held = files.map((file) => valueIn(file, `${place}.http_headers.${name}.files`))
      return [name, [...values, ...secrets, ...held].join(', ')] as const
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
  throw new Error(`${place}: ${file} ${unsendable}`)
}
