import { readFileSync } from 'node:fs'
import { messageOf, Secret } from '../log.ts'

/**
 * A value that is given as it is or in a file, not both. The file is read whenever the value is asked for, and once
 * now, so that a wrong one is said.
 */
export function textOrFile(
  [text, file]: readonly [text: string | undefined, file: string | undefined],
  place: string,
  problems: string[],
): () => Secret {
  onlyOne([text, file], place, problems)
  if (file === undefined) {
    const secret = new Secret(text ?? '')
    return () => secret
  }
  const read = () => {
    try {
      return new Secret(readFileSync(file, 'utf8').trim())
    } catch (error) {
      throw new Error(`${place}_file: ${file} cannot be read: ${messageOf(error)}`)
    }
  }
  try {
    read()
  } catch (error) {
    problems.push(messageOf(error))
  }
  return read
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
