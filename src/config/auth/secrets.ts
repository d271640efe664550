import { readFileSync } from 'node:fs'
import { messageOf, Secret } from '../../util/log.ts'
import type { BlockContext } from '../context.ts'

/** What makes a value impossible, in words; undefined where it is possible. */
type Check = (text: string) => string | undefined

/**
 * A value that is given as it is or in a file, not both. The file is read whenever the value is asked for, and once
 * now, so that a wrong one is said. Throws, later on, where the file cannot be read or used.
 */
export function textOrFile(
  [text, file]: readonly [text: string | undefined, file: string | undefined],
  { place, problems, warnings }: Pick<BlockContext, 'place' | 'problems' | 'warnings'>,
  check: Check = () => undefined,
): () => Secret {
  onlyOne([text, file], place, problems)
  if (file === undefined) {
    const secret = new Secret(text ?? '')
    const wrong = text === undefined ? undefined : check(text)
    if (wrong !== undefined) problems.push(`${place}: ${wrong}`)
    if (text !== undefined) warnings.push(...oddities(text).map((words) => `${place}: ${words}`))
    return () => secret
  }
  let isFirst = true // its oddities are told at the start
  return inFile(file, { place: `${place}_file`, problems }, (held) => {
    const wrong = check(held)
    if (wrong !== undefined) throw new Error(wrong)
    if (isFirst) warnings.push(...oddities(held).map((words) => `${place}_file: ${file}: ${words}`))
    isFirst = false
    return new Secret(held)
  })
}

/**
 * What a file holds, made into something whenever it is asked for, and once now, so that a wrong one is said. `make`
 * throws where it cannot, in words that tell nothing of the file.
 */
export function inFile<T>(
  file: string,
  { place, problems }: Pick<BlockContext, 'place' | 'problems'>,
  make: (held: string) => T,
): () => T {
  const read = () => {
    const held = contentOf(file, place)
    try {
      if (held === '') throw new Error('is empty')
      return make(held)
    } catch (error) {
      throw new Error(`${place}: ${file}: ${messageOf(error)}`)
    }
  }
  try {
    read()
  } catch (error) {
    problems.push(messageOf(error))
  }
  return read
}

/** What a file holds that a key names, without the white space around it. Throws with the place of the key. */
export function contentOf(file: string, place: string): string {
  try {
    return readFileSync(file, 'utf8').trim() // of a byte order mark, too
  } catch (error) {
    throw new Error(`${place}: ${file} cannot be read: ${messageOf(error)}`)
  }
}

/** What is possible, and most likely came from copying. */
function oddities(text: string): readonly string[] {
  return [
    ...(text === '' ? ['is empty'] : []),
    ...(/(\.\.\.|…)$/.test(text) ? ['ends in dots: is it whole?'] : []),
    ...(/^(["'`]).+\1$/s.test(text) ? ['stands in quotes, which are sent too'] : []),
    ...(text.trim() === text ? [] : ['begins or ends with white space, which is sent too']),
    ...(/\n./.test(text.trim()) ? ['has several lines, all of which are sent'] : []),
    ...(/^\$(\w+|\{.*\})$/.test(text) ? ['is sent as it stands: a variable is ${NAME}, in capitals'] : []),
  ]
}

/** Of a value and the file that it may stand in. */
export function onlyOne(
  [text, file]: readonly [text: string | undefined, file: string | undefined],
  place: string,
  problems: string[],
): void {
  if (text !== undefined && file !== undefined)
    problems.push(`${place}: is given twice, here and in ${place}_file; keep one`)
}

/** Of the userinfo of a URL; what is not well encoded stands for itself. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a password with a bare %
  }
}
