import { uncompress } from 'snappyjs'

/**
 * Uncompresses Snappy's block format: the uncompressed length as a varint, then elements. The two low bits of an
 * element's first byte are its kind: 0 is a literal, 1 to 3 is a copy of bytes of the output.
 * Returns undefined if the block declares more than `maxBytes`. Throws an Error if it is not a valid block.
 * https://github.com/google/snappy/blob/main/format_description.txt
 */
export function uncompressSnappy(body: Buffer, maxBytes: number): Buffer | undefined {
  const { length, start } = declaredLength(body)
  if (length > maxBytes) return undefined
  // snappyjs stops at the end of the block and would return zeros for missing bytes.
  const actual = elementsLength(body, start)
  if (actual !== length)
    throw new Error(`snappy block declares ${length} bytes uncompressed, its elements have ${actual}`)
  return uncompress(body)
}

function declaredLength(body: Buffer): { readonly length: number; readonly start: number } {
  let length = 0
  for (let start = 0; start < 5; start++) {
    const byte = body[start]
    if (byte === undefined) break
    length += (byte & 0x7f) * 2 ** (7 * start)
    if (byte < 0x80) return { length, start: start + 1 }
  }
  throw new Error('body is not a snappy block')
}

/** The sum of the elements' lengths. */
function elementsLength(body: Buffer, start: number): number {
  let sum = 0
  let at = start
  while (at < body.length) {
    const tag = body[at++] as number
    const upper = tag >>> 2
    const kind = tag & 3
    if (kind === 0) {
      const extra = Math.max(0, upper - 59)
      const length = 1 + (extra === 0 ? upper : littleEndian(body, at, extra))
      at += extra + length
      sum += length
    } else {
      sum += kind === 1 ? 4 + (upper & 7) : 1 + upper
      at += kind === 3 ? 4 : kind
    }
  }
  if (at !== body.length) throw new Error('snappy block is truncated')
  return sum
}

function littleEndian(body: Buffer, at: number, size: number): number {
  return at + size <= body.length ? body.readUIntLE(at, size) : 0
}
