import { posix } from 'node:path'
import type { Dir } from './dir.ts'

/**
 * The paths that a glob matches, in byte order, with the rules of Go's filepath.Glob: `*` and `?` match within one element
 * (a leading dot too), `[a-z]` and `[^a-z]` match one character, `\` escapes; `**` and `{a,b}` are not supported. If nothing
 * matches, or the text is not a glob, the result is the text itself.
 */
export function globbed(glob: string, dirAt: (path: string) => Dir): string[] {
  const path = posix.normalize(glob).replace(/(?<=.)\/$/, '')
  if (!/[*?[\\]/.test(path)) return [path]
  let found = [path.startsWith('/') ? '/' : '']
  for (const element of path.split('/').filter((one) => one !== '')) {
    const matches = /[*?[\\]/.test(element) ? patternOf(element) : undefined
    if (matches === null) return [path]
    found = found.flatMap((parent) => {
      if (matches === undefined) return dirAt(join(parent, element)).exists() ? [join(parent, element)] : []
      const below = dirAt(parent === '' ? '.' : parent).children()
      return below.filter(({ name }) => matches.test(name)).map(({ name }) => join(parent, name))
    })
  }
  return found.length > 0 ? found : [path]
}

const join = (parent: string, name: string) => (parent === '' || parent === '/' ? parent + name : `${parent}/${name}`)

const meanings: Readonly<Record<string, string>> = { '*': '.*', '?': '.' }

/** Null for an invalid pattern, such as an unclosed bracket or a backslash at the end. */
function patternOf(element: string): RegExp | null {
  const tokens = element.match(/\[\^?(?:\\.|[^\]\\])+\]|\\.|[^[\\]/gsu) ?? []
  if (tokens.join('') !== element) return null
  const source = tokens.map((token) => {
    if (token.length > 1 && token.startsWith('[')) return token.replace(/(?<=.)(?<!\\)\[/g, '\\[')
    const char = token.replace(/^\\/s, '')
    return (token.length === char.length && meanings[char]) || RegExp.escape(char)
  })
  try {
    return new RegExp(`^${source.join('')}$`, 'su')
  } catch {
    return null // a reversed range such as [z-a]
  }
}
