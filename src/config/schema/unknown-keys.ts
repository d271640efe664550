import * as v from 'valibot'
import { didYouMean } from '../../util/did-you-mean.ts'

/** Keys and indexes, outermost first. */
export type Path = readonly unknown[]

/** An invalid value and its place. The text never contains the value: it may be a secret. */
export interface Invalid {
  readonly path: Path
  readonly text: string
}

interface Checked<Output> {
  /** The checked value. Only keys that are not in `broken` are reliable. */
  readonly output: Output
  readonly invalid: readonly Invalid[]
  /** The outermost keys with invalid values. A key that only contains unknown keys is not broken. */
  readonly broken: ReadonlySet<unknown>
}

/** Checks a value with a schema, and reports every unknown key with the nearest known one. */
export function checked<const Schema extends v.GenericSchema>(
  shape: Schema,
  given: unknown,
): Checked<v.InferOutput<Schema>> {
  const { issues = [], output } = v.safeParse(shape, given)
  const invalid = issues
    .filter((issue) => !isUnknown(issue))
    .map((issue) => ({ path: (issue.path ?? []).map(({ key }) => key), text: textOf(issue) }))
  const broken = new Set(invalid.map(({ path }) => path[0]))
  return {
    output: output as v.InferOutput<Schema>,
    invalid: [...invalid, ...unknownKeys(given, { shape, whole: shape })],
    broken,
  }
}

/** `a.b[0].c` */
export const placeOf = (path: Path): string =>
  path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${key}`)).join('')

/** The parts of valibot schemas that are used here. */
interface Node {
  readonly type?: string
  readonly wrapped?: Node
  readonly entries?: Readonly<Record<string, Node>>
  readonly item?: Node
}

const unwrapped = (shape: Node): Node => (shape.wrapped === undefined ? shape : unwrapped(shape.wrapped))

interface Shapes {
  readonly shape: unknown
  /** The schema of the whole file, to find a key elsewhere. */
  readonly whole: unknown
}

/**
 * Unknown keys, each with the nearest known one or the place of a known one; and lists where an object is expected.
 * valibot reports only the first unknown key, and no such list.
 */
function* unknownKeys(value: unknown, { shape, whole }: Shapes, path: Path = []): Generator<Invalid> {
  const { entries, item, type } = unwrapped(shape as Node)
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value) && item !== undefined)
    for (const [i, one] of value.entries()) yield* unknownKeys(one, { shape: item, whole }, [...path, i])
  else if (Array.isArray(value) && (entries !== undefined || type === 'record')) yield { path, text: kinds.Object }
  else if (entries !== undefined)
    for (const [key, one] of Object.entries(value)) {
      const at = [...path, key]
      if (Object.hasOwn(entries, key)) yield* unknownKeys(one, { shape: entries[key], whole }, at)
      else
        yield {
          path: at,
          text: `unknown key${didYouMean(key, Object.keys(entries)) || suggestedPlaces(key, { shape, whole })}`,
        }
    }
}

const maxSuggestions = 3

/** Places of a known key: below the object that contains it, or else anywhere. */
function suggestedPlaces(key: string, { shape, whole }: Shapes): string {
  const below = [...placesIn(key, shape as Node)]
  const all = below.length > 0 ? below : [...placesIn(key, whole as Node)]
  return all.length === 0 || all.length > maxSuggestions ? '' : `, expected in ${all.join(' or ')}`
}

function* placesIn(key: string, shape: Node, path: readonly string[] = []): Generator<string> {
  const { entries, item } = unwrapped(shape)
  if (item !== undefined) yield* placesIn(key, item, path)
  for (const [name, one] of Object.entries(entries ?? {})) {
    if (name === key) yield path.length === 0 ? 'the top level of the file' : path.join('.')
    yield* placesIn(key, one, [...path, name])
  }
}

const isUnknown = ({ type, expected }: v.BaseIssue<unknown>) => type === 'strict_object' && expected === 'never'

const kinds = { Object: 'invalid value, expected an object', Array: 'invalid value, expected a list' } as const

/** The error text. The default texts of valibot quote the value, which may be a secret. */
function textOf({ type, kind, expected, message }: v.BaseIssue<unknown>): string {
  if (expected === 'Object' || expected === 'Array')
    return message.startsWith('Invalid') ? kinds[expected] : invalidText(message)
  return type === 'strict_object' && kind === 'schema' ? 'required key is missing' : invalidText(message)
}

/** Messages of schemas name only the expected value. */
const invalidText = (message: string): string =>
  message.startsWith('expected ') ? `invalid value, ${message}` : message
