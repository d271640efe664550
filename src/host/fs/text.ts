/** The lines of a kernel file without line feeds; no empty line after the last one. */
export function lines(text: string): string[] {
  const all = text.split('\n')
  if (all.at(-1) === '') all.pop()
  return all
}

/** The words of a line, separated by white space. */
export function fields(line: string): string[] {
  const trimmed = line.trim()
  return trimmed === '' ? [] : trimmed.split(/\s+/)
}

/** `key value` or `key: value` lines; the value is the trimmed rest of the line. */
export function* keyValues(text: string): Generator<[key: string, value: string]> {
  for (const line of lines(text)) {
    const [, key, value] = /^\s*([^\s:]+)(?:\s*:\s*|\s+)(.*?)\s*$/.exec(line) ?? []
    if (key !== undefined && value !== undefined) yield [key, value]
  }
}

/**
 * Decodes UTF-8. Each run of invalid bytes becomes one U+FFFD, as with Go's strings.ToValidUTF8. Node's decoder writes
 * one U+FFFD for each invalid part instead.
 */
export function decodeUtf8(bytes: Buffer): string {
  return readable(decodePaths(bytes))
}

/**
 * Decodes UTF-8 without loss: an invalid byte becomes a lone surrogate, U+DC80 to U+DCFF, which no valid text contains.
 * Such a string names a file of any name and can be the key of a map; `pathBytes` gives the bytes back.
 */
export function decodePaths(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (!text.includes('\uFFFD')) return text
  let all = ''
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    all += length > 0 ? bytes.toString('utf8', at, at + length) : String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
    at += length || 1
  }
  return all
}

/** The path for a system call: a Buffer if it is not valid UTF-8. */
export function pathBytes(path: string): string | Buffer {
  if (path.isWellFormed()) return path
  const parts = path.match(/[\udc80-\udcff]|[^\udc80-\udcff]+/gu) ?? []
  return Buffer.concat(
    parts.map((part) => (part.isWellFormed() ? Buffer.from(part) : Buffer.of(part.charCodeAt(0) - 0xdc00))),
  )
}

/** A text of `decodePaths` as `decodeUtf8` decodes it. */
export function readable(text: string): string {
  return text.isWellFormed() ? text : text.replace(/[\udc80-\udcff]+/gu, '\uFFFD')
}

/** The length of the valid UTF-8 sequence at an offset; 0 if it is invalid. */
function sequenceLength(bytes: Buffer, at: number): number {
  const lead = bytes[at] ?? 0
  const length =
    lead < 0x80
      ? 1
      : lead >= 0xc2 && lead < 0xe0
        ? 2
        : lead >= 0xe0 && lead < 0xf0
          ? 3
          : lead >= 0xf0 && lead < 0xf5
            ? 4
            : 0
  if (length < 2) return length
  const one = bytes.subarray(at, at + length)
  return one.length === length && Buffer.from(one.toString('utf8')).equals(one) ? length : 0
}
