/** Letters with iota subscript: their capitals are one character where JavaScript's upper case writes two. */
const iotaCapitals: readonly (readonly [from: number, to: number, capital: (code: number) => number])[] = [
  [0x1f80, 0x1faf, (code) => code | 8],
  [0x1fb3, 0x1fb3, (code) => code + 9],
  [0x1fc3, 0x1fc3, (code) => code + 9],
  [0x1ff3, 0x1ff3, (code) => code + 9],
]

/*
 * Upper and lower case as Go has them: character by character, one for one, whatever stands around it.
 * https://www.unicode.org/Public/UCD/latest/ucd/SpecialCasing.txt is what JavaScript knows beyond that.
 */

export const lowerCase = (text: string): string =>
  Array.from(text, (char) => String.fromCodePoint(char.toLowerCase().codePointAt(0) ?? 0)).join('')

export const upperCase = (text: string): string => Array.from(text, capitalOf).join('')

function capitalOf(char: string): string {
  const upper = char.toUpperCase()
  const code = char.codePointAt(0) ?? 0
  if (upper.length === String.fromCodePoint(upper.codePointAt(0) ?? 0).length) return upper
  const found = iotaCapitals.find(([from, to]) => code >= from && code <= to)
  return found === undefined ? char : String.fromCodePoint(found[2](code))
}
