import { messageOf, Secret } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'

/** Maximum size of a file with a token, a password or a key. */
const maxSecretBytes = 256 * 1024

/** Returns an error message, or undefined if the value is valid. */
type Check = (text: string) => string | undefined

/**
 * A value in the configuration or in a file. A file is read now, to report errors, and again by the returned function if it
 * has changed. The last valid content stays in use.
 */
export async function textOrFile(
  [text, file]: readonly [text: string | undefined, file: string | undefined],
  { place, files, problems, warnings }: Pick<BlockContext, 'place' | 'files' | 'problems' | 'warnings'>,
  check: Check = () => undefined,
): Promise<() => Secret> {
  onlyOne([text, file], place, problems)
  if (file === undefined) {
    const secret = new Secret(text ?? '')
    const wrong = text === undefined ? undefined : check(text)
    if (wrong !== undefined) problems.push(`${place}: ${wrong}`)
    if (text !== undefined) warnings.push(...oddities(text).map((words) => `${place}: ${words}`))
    return () => secret
  }
  let isFirst = true // warnings are reported at the start only
  return inFile(file, { place: `${place}_file`, files, problems }, (content) => {
    const wrong = check(content)
    if (wrong !== undefined) throw new Error(wrong)
    if (isFirst) warnings.push(...oddities(content).map((words) => `${place}_file: ${file}: ${words}`))
    isFirst = false
    return new Secret(content)
  })
}

/**
 * Reads and converts a file now, to report errors, and again by the returned function if it has changed. Errors that `make`
 * throws must not contain the content.
 */
export async function inFile<T>(
  file: string,
  { place, files, problems }: Pick<BlockContext, 'place' | 'files' | 'problems'>,
  make: (content: string) => T,
): Promise<() => T> {
  const made = (bytes: Buffer) => {
    const content = bytes.toString().trim() // also removes a byte order mark
    try {
      if (content === '') throw new Error('the file is empty')
      return make(content)
    } catch (error) {
      throw new InvalidContent(`${place}: ${file}: ${messageOf(error)}`)
    }
  }
  try {
    return (await files.open(file, maxSecretBytes, made)).current
  } catch (error) {
    const problem =
      error instanceof InvalidContent ? error.message : `${place}: cannot read ${file}: ${messageOf(error)}`
    problems.push(problem)
    return () => {
      throw new Error(problem) // the configuration is not used
    }
  }
}

/** The file was read and its content is not valid. */
class InvalidContent extends Error {}

/** Warnings about a value that was probably copied incorrectly. */
export function oddities(text: string): readonly string[] {
  return [
    ...(text === '' ? ['is empty'] : []),
    ...(/(\.\.\.|…)$/.test(text) ? ['ends with dots, it may be truncated'] : []),
    ...(/^(["'`]).+\1$/s.test(text) ? ['is enclosed in quotes, which are sent too'] : []),
    ...(text.trim() === text ? [] : ['begins or ends with white space, which is sent too']),
    ...(/\n./.test(text.trim()) ? ['has several lines, all of which are sent'] : []),
    ...(/^\$(\w+|\{.*\})$/.test(text) ? ['is sent literally: an environment variable is ${NAME}, in capitals'] : []),
  ]
}

/** Adds a problem if a value and its file are both set. */
export function onlyOne(
  [text, file]: readonly [text: string | undefined, file: string | undefined],
  place: string,
  problems: string[],
): void {
  if (text !== undefined && file !== undefined)
    problems.push(`${place}: set twice, here and in ${place.slice(place.lastIndexOf('.') + 1)}_file, keep only one`)
}

/** Decodes user name or password of a URL. A text that is not percent-encoded is returned unchanged. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a password with a bare %
  }
}
