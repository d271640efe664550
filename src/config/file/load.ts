import { readFileSync } from 'node:fs'
import type { Collector } from '../../collector.ts'
import { messageOf } from '../../util/log.ts'
import { ConfigError } from '../error.ts'
import { type Shape, shapeOf } from '../schema/schema.ts'
import { checked, placeOf } from '../schema/unknown-keys.ts'
import { parseJson } from './json.ts'
import { expandEnvironment } from './variables.ts'

interface FileContext {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly collectors: readonly Collector[]
}

/**
 * The parts of a configuration file that are right; of the others what is wrong is added to the problems. Throws
 * ConfigError where there is nothing to go on with.
 */
export function readFile(path: string, { environment, collectors }: FileContext, problems: string[]): Shape {
  const shape = shapeOf(collectors)
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
