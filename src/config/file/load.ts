import type { Collector } from '../../collector.ts'
import type { ConfiguredFiles } from '../../host/index.ts'
import type { OutputKind } from '../../output.ts'
import { messageOf } from '../../util/log.ts'
import { ConfigError } from '../error.ts'
import { prometheusSections } from '../schema/prometheus-keys.ts'
import { type Shape, shapeOf } from '../schema/schema.ts'
import { checked, placeOf } from '../schema/unknown-keys.ts'

import { expandEnvironment } from './variables.ts'

interface FileContext {
  readonly files: ConfiguredFiles
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly collectors: readonly Collector[]
  readonly outputKinds: readonly OutputKind[]
}

/**
 * The valid parts of a configuration file. Adds the errors of the other parts to `problems`. Throws ConfigError if the file
 * cannot be read or parsed.
 */
export async function readFile(
  path: string,
  { environment, files, ...registries }: FileContext,
  problems: string[],
): Promise<Shape> {
  const shape = shapeOf(registries)
  const found: string[] = []
  const given = expandEnvironment(await parsed(path, files), environment, found)
  const { output, broken, invalid } = checked(shape, given)
  // one error for each place: the first, for example an environment variable that is not set
  const reported = new Set(found.map((one) => one.slice(0, one.indexOf(': '))))
  for (const { path, text } of invalid) {
    const place = placeOf(path)
    const section = path.length === 1 ? prometheusSections.get(place) : undefined
    if (reported.has(place)) continue
    reported.add(place)
    found.push(`${place}: ${section === undefined ? text : `not supported, ${section}`}`)
  }
  problems.push(...found.slice(0, maxProblems).map((one) => `${path}: ${one}`))
  if (found.length > maxProblems) problems.push(`${path}: ${found.length - maxProblems} more errors`)
  // the cast is safe: Shape is inferred from this schema
  return Object.fromEntries(Object.entries(output as object).filter(([key]) => !broken.has(key))) as unknown as Shape
}

/** For example a `prometheus.yml`: its first word is a key. */
const looksLikeYaml = (path: string, text: string) =>
  /\.ya?ml$/.test(path) || /^(\s*#.*\n|---\s*\n|\s*\n)*[a-z_]+:(\s|$)/.test(text)

const remedies: Readonly<Record<string, string>> = {
  EACCES: 'grant read access to the user that runs hostpush',
  EISDIR: 'expected a file, for example config.example.json',
}

/** Bounds of a configuration: hundreds of endpoints with thousands of rules fit. */
const maxBytes = 4 * 1024 * 1024
const maxValues = 100_000
const maxDepth = 64

/** Maximum number of reported errors. */
const maxProblems = 100

/** Throws if a value is nested too deeply for recursive functions, or has too many parts. */
function checkSize(value: unknown): void {
  let values = 0
  for (let level = [value], depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) throw new Error(`nested too deeply, expected at most ${maxDepth} levels`)
    values += level.length
    if (values > maxValues) throw new Error(`too large, expected at most ${maxValues} values`)
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
}

async function parsed(path: string, files: ConfiguredFiles): Promise<object> {
  try {
    const text = (await files.read(path, maxBytes)).toString()
    if (looksLikeYaml(path, text))
      throw new Error(`the file is YAML, expected JSON: convert it with yq -o=json . ${path} (on Debian: yq . ${path})`)
    const raw = parseJson(text)
    checkSize(raw)
    if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw
  } catch (error) {
    const remedy = remedies[String((error as NodeJS.ErrnoException).code)]
    throw new ConfigError([
      `${path || '--config.file'}: ${messageOf(error)}${remedy === undefined ? '' : `, ${remedy}`}`,
    ])
  }
  throw new ConfigError([`${path}: invalid content, expected a JSON object`])
}

/**
 * Parses JSON. Errors contain line and column, and only one character of the text: the message of V8 for an unexpected
 * token quotes the surrounding text, which may be a password, and has no line.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    const { message } = error as SyntaxError // the only error of JSON.parse
    throw new SyntaxError(isToken(message) ? misplaced(text) : message)
  }
}

const isToken = (message: string) => message.startsWith('Unexpected token')

function misplaced(text: string): string {
  const before = text.slice(0, shortest(text) - 1)
  const lines = before.split('\n')
  const character = JSON.stringify(text[before.length])
  return `unexpected ${character} (line ${lines.length} column ${(lines.at(-1)?.length ?? 0) + 1})`
}

/** Length of the shortest prefix in which V8 finds an unexpected token: the token is its last character. */
function shortest(text: string): number {
  let low = 0
  let high = text.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (hasToken(text.slice(0, middle))) high = middle
    else low = middle + 1
  }
  return low
}

function hasToken(text: string): boolean {
  try {
    JSON.parse(text)
    return false
  } catch (error) {
    return isToken(String((error as Error).message))
  }
}
