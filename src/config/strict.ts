import * as v from 'valibot'
import { nearest } from '../nearest.ts'

/** Keys and numbers, from the outside in. */
export type Path = readonly unknown[]

/** Something that is wrong, and where. Nothing of what was received is in the words: it may be a secret. */
export interface Wrong {
  readonly path: Path
  readonly words: string
}

interface Checked<Output> {
  /** What was read; not to be relied on in what is wrong. */
  readonly output: Output
  readonly wrong: readonly Wrong[]
  /** The outermost keys that do not hold what they should; not those that merely hold more. */
  readonly broken: ReadonlySet<unknown>
}

/** What a shape makes of something, every unknown key told with the nearest known one. */
export function checked<const Schema extends v.GenericSchema>(
  shape: Schema,
  given: unknown,
): Checked<v.InferOutput<Schema>> {
  const { issues = [], output } = v.safeParse(shape, given)
  const wrong = issues
    .filter((issue) => !isStranger(issue))
    .map((issue) => ({ path: (issue.path ?? []).map(({ key }) => key), words: wordsOf(issue) }))
  const broken = new Set(wrong.map(({ path }) => path[0]))
  return { output: output as v.InferOutput<Schema>, wrong: [...wrong, ...strangers(given, shape)], broken }
}

/** `a.b[0].c` */
export const placeOf = (path: Path): string =>
  path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${key}`)).join('')

/** What valibot's schemas hold, as far as it is needed here. */
interface Node {
  readonly type?: string
  readonly wrapped?: Node
  readonly entries?: Readonly<Record<string, Node>>
  readonly item?: Node
}

/** Keys that the shape does not know, each with the nearest known one, and lists in place of objects: valibot tells of
 * the first such key alone, and of no such list. */
function* strangers(value: unknown, shape: unknown, path: Path = []): Generator<Wrong> {
  let { wrapped, entries, item, type } = shape as Node
  while (wrapped !== undefined) ({ wrapped, entries, item, type } = wrapped)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value) && item !== undefined)
    for (const [i, one] of value.entries()) yield* strangers(one, item, [...path, i])
  else if (Array.isArray(value) && (entries !== undefined || type === 'record')) yield { path, words: kinds.Object }
  else if (entries !== undefined)
    for (const [key, one] of Object.entries(value)) {
      const at = [...path, key]
      if (Object.hasOwn(entries, key)) yield* strangers(one, entries[key], at)
      else yield { path: at, words: `unknown key${nearest(key, Object.keys(entries))}` }
    }
}

const isStranger = ({ type, expected }: v.BaseIssue<unknown>) => type === 'strict_object' && expected === 'never'

const kinds = { Object: 'an object is expected', Array: 'a list is expected' } as const

/** In words of ours. valibot's own quote what was received, which may be a secret. */
function wordsOf({ type, kind, expected, message }: v.BaseIssue<unknown>): string {
  if (expected === 'Object' || expected === 'Array') return message.startsWith('Invalid') ? kinds[expected] : message
  return type === 'strict_object' && kind === 'schema' ? 'is missing' : message
}
