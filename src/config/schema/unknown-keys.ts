import * as v from 'valibot'
import { didYouMean } from '../../util/did-you-mean.ts'

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
    .filter((issue) => !isUnknown(issue))
    .map((issue) => ({ path: (issue.path ?? []).map(({ key }) => key), words: wordsOf(issue) }))
  const broken = new Set(wrong.map(({ path }) => path[0]))
  return {
    output: output as v.InferOutput<Schema>,
    wrong: [...wrong, ...unknownKeys(given, { shape, whole: shape })],
    broken,
  }
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

const unwrapped = (shape: Node): Node => (shape.wrapped === undefined ? shape : unwrapped(shape.wrapped))

interface Shapes {
  readonly shape: unknown
  /** That of the file, which tells where else a key is known. */
  readonly whole: unknown
}

/** Keys that the shape does not know, each with the nearest known one or where it is known, and lists in place of
 * objects: valibot tells of the first such key alone, and of no such list. */
function* unknownKeys(value: unknown, { shape, whole }: Shapes, path: Path = []): Generator<Wrong> {
  const { entries, item, type } = unwrapped(shape as Node)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value) && item !== undefined)
    for (const [i, one] of value.entries()) yield* unknownKeys(one, { shape: item, whole }, [...path, i])
  else if (Array.isArray(value) && (entries !== undefined || type === 'record')) yield { path, words: kinds.Object }
  else if (entries !== undefined)
    for (const [key, one] of Object.entries(value)) {
      const at = [...path, key]
      if (Object.hasOwn(entries, key)) yield* unknownKeys(one, { shape: entries[key], whole }, at)
      else
        yield {
          path: at,
          words: `unknown key${didYouMean(key, Object.keys(entries)) || suggestedPlaces(key, { shape, whole })}`,
        }
    }
}

const maxSuggestions = 3

/** Where a key is known: in an object below the one that it stands in, or else in any. */
function suggestedPlaces(key: string, { shape, whole }: Shapes): string {
  const below = [...placesIn(key, shape as Node)]
  const all = below.length > 0 ? below : [...placesIn(key, whole as Node)]
  return all.length === 0 || all.length > maxSuggestions ? '' : `; it belongs into ${all.join(' or ')}`
}

function* placesIn(key: string, shape: Node, path: readonly string[] = []): Generator<string> {
  const { entries, item } = unwrapped(shape)
  if (item !== undefined) yield* placesIn(key, item, path)
  for (const [name, one] of Object.entries(entries ?? {})) {
    if (name === key) yield path.length === 0 ? 'the file itself' : path.join('.')
    yield* placesIn(key, one, [...path, name])
  }
}

const isUnknown = ({ type, expected }: v.BaseIssue<unknown>) => type === 'strict_object' && expected === 'never'

const kinds = { Object: 'an object is expected', Array: 'a list is expected' } as const

/** In words of ours. valibot's own quote what was received, which may be a secret. */
function wordsOf({ type, kind, expected, message }: v.BaseIssue<unknown>): string {
  if (expected === 'Object' || expected === 'Array') return message.startsWith('Invalid') ? kinds[expected] : message
  return type === 'strict_object' && kind === 'schema' ? 'is missing' : message
}
