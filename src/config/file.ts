import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import type { Collector } from '../collector.ts'
import { messageOf } from '../log.ts'
import { nearest } from '../nearest.ts'
import { ConfigError } from './error.ts'
import { expandEnvironment } from './expand.ts'
import { parseJson } from './json.ts'
import { type Shape, shapeOf } from './shape.ts'

interface Given {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly collectors: readonly Collector[]
}

/**
 * The parts of a configuration file that are right; of the others what is wrong is added to the problems. Throws
 * ConfigError where there is nothing to go on with.
 */
export function readFile(path: string, { environment, collectors }: Given, problems: string[]): Shape {
  const shape = shapeOf(collectors)
  const found: string[] = []
  const given = expandEnvironment(parsed(path), environment, found)
  const { issues = [], output } = v.safeParse(shape, given)
  const wrong = issues.filter((issue) => !isStranger(issue))
  for (const issue of wrong) {
    const place = placeOf(issue)
    const isSaid = found.some((one) => one.startsWith(`${place}: `)) // a variable that is not set, say
    if (!isSaid) found.push(`${place}: ${wordsOf(issue)}`)
  }
  found.push(...strangers(given, shape))
  problems.push(...found.map((one) => `${path}: ${one}`))
  const broken = new Set(wrong.map((issue) => issue.path?.[0].key))
  // checked by the very schema that Shape is inferred from
  return Object.fromEntries(Object.entries(output as object).filter(([key]) => !broken.has(key))) as unknown as Shape
}

function parsed(path: string): object {
  try {
    const raw = parseJson(readFileSync(path, 'utf8'))
    if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw
  } catch (error) {
    throw new ConfigError([`${path || '--config.file'}: ${messageOf(error)}`])
  }
  throw new ConfigError([`${path}: a JSON object is expected`])
}

/** What valibot's schemas hold, as far as it is needed here. */
interface Node {
  readonly type?: string
  readonly wrapped?: Node
  readonly entries?: Readonly<Record<string, Node>>
  readonly item?: Node
}

/** Keys that the shape does not know, each with the nearest known one, and lists in place of objects: valibot tells of
 * the first such key alone, and of no such list. */
function* strangers(value: unknown, shape: unknown, place = ''): Generator<string> {
  let { wrapped, entries, item, type } = shape as Node
  while (wrapped !== undefined) ({ wrapped, entries, item, type } = wrapped)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value) && item !== undefined)
    for (const [i, one] of value.entries()) yield* strangers(one, item, `${place}[${i}]`)
  else if (Array.isArray(value) && (entries !== undefined || type === 'record')) yield `${place}: ${kinds.Object}`
  else if (entries !== undefined)
    for (const [key, one] of Object.entries(value)) {
      const at = place === '' ? key : `${place}.${key}`
      if (Object.hasOwn(entries, key)) yield* strangers(one, entries[key], at)
      else yield `${at}: unknown key${nearest(key, Object.keys(entries))}`
    }
}

const isStranger = ({ type, expected }: v.BaseIssue<unknown>) => type === 'strict_object' && expected === 'never'

function placeOf({ path = [] }: { readonly path?: readonly { readonly key?: unknown }[] | undefined }): string {
  return path.map(({ key }, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${key}`)).join('')
}

const kinds = { Object: 'an object is expected', Array: 'a list is expected' } as const

/** In words of ours. valibot's own quote what was received, which may be a secret. */
function wordsOf({ type, kind, expected, message }: v.BaseIssue<unknown>): string {
  if (expected === 'Object' || expected === 'Array') return message.startsWith('Invalid') ? kinds[expected] : message
  return type === 'strict_object' && kind === 'schema' ? 'is missing' : message
}
