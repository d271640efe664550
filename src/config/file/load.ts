import { readFileSync } from 'node:fs'
import type { Collector } from '../../collector.ts'
import type { OutputKind } from '../../output.ts'
import { messageOf } from '../../util/log.ts'
import { ConfigError } from '../error.ts'
import { type Shape, shapeOf } from '../schema/schema.ts'
import { checked, placeOf } from '../schema/unknown-keys.ts'

import { expandEnvironment } from './variables.ts'

interface FileContext {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly collectors: readonly Collector[]
  readonly outputKinds: readonly OutputKind[]
}

/**
 * The parts of a configuration file that are right; of the others what is wrong is added to the problems. Throws
 * ConfigError where there is nothing to go on with.
 */
export function readFile(path: string, { environment, ...registries }: FileContext, problems: string[]): Shape {
  const shape = shapeOf(registries)
  const found: string[] = []
  const given = expandEnvironment(parsed(path), environment, found)
  const { output, broken, wrong } = checked(shape, given)
  for (const { path, words } of wrong) {
    const place = placeOf(path)
    const isSaid = found.some((one) => one.startsWith(`${place}: `)) // a variable that is not set, say
    if (!isSaid) found.push(`${place}: ${words}`)
  }
  problems.push(...found.map((one) => `${path}: ${one}`))
  // checked by the very schema that Shape is inferred from
  return Object.fromEntries(Object.entries(output as object).filter(([key]) => !broken.has(key))) as unknown as Shape
}

/** Somebody's `prometheus.yml`: its first word is a key. */
const looksLikeYaml = (path: string, text: string) =>
  /\.ya?ml$/.test(path) || /^(\s*#.*\n|---\s*\n|\s*\n)*[a-z_]+:(\s|$)/.test(text)

const remedies: Readonly<Record<string, string>> = {
  EACCES: 'the user that runs this has to be able to read it',
  EISDIR: 'a file is expected, config.example.json shows one',
}

function parsed(path: string): object {
  try {
    const text = readFileSync(path, 'utf8')
    if (looksLikeYaml(path, text)) throw new Error(`is YAML; JSON is expected: yq -o=json . ${path}`)
    const raw = parseJson(text)
    if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw
  } catch (error) {
    const remedy = remedies[String((error as NodeJS.ErrnoException).code)]
    throw new ConfigError([
      `${path || '--config.file'}: ${messageOf(error)}${remedy === undefined ? '' : `: ${remedy}`}`,
    ])
  }
  throw new ConfigError([`${path}: a JSON object is expected`])
}

/**
 * Reads JSON; an Error names the place, and no more of the text than one character: V8's own message for a token quotes
 * what stands around it, which may be a password, and has no place.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    const { message } = error as SyntaxError // JSON.parse throws nothing else
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

/** How long the shortest beginning of a text is that V8 finds a wrong token in: the token is its last character. */
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
