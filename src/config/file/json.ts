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
