import { uncompress } from 'snappyjs'

/**
 * Snappy's block format: the length of what comes out as a varint, then elements. The two low bits of an element's
 * first byte are its kind: 0 bytes to be taken as they are, 1 to 3 a copy of bytes that came out before.
 * Undefined if it declares more than the limit; an Error if it is none.
 * https://github.com/google/snappy/blob/main/format_description.txt
 */
export function unpack(body: Buffer, limit: number): Buffer | undefined {
  const { length, start } = declaredLength(body)
  if (length > limit) return undefined
  // The library stops where the block stops, and would leave zeros behind a block that is too short.
  const real = realLength(body, start)
  if (real !== length) throw new Error(`snappy block of ${real} bytes uncompressed declares ${length}`)
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
  throw new Error('body is no snappy block')
}

/** The sum of what the elements give. */
function realLength(body: Buffer, start: number): number {
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
  if (at !== body.length) throw new Error('snappy block is cut off')
  return sum
}

function littleEndian(body: Buffer, at: number, size: number): number {
  return at + size <= body.length ? body.readUIntLE(at, size) : 0
}
