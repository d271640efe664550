import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/**
 * The values of all series of a snapshot as one column. Each value is XORed with the previous value of its series, so
 * most bits are 0. The bytes are transposed (the first bytes of all values, then the second bytes, …), which makes runs
 * that compress well. Values are 64-bit patterns, so every NaN and -0 is preserved.
 */

/** The previous value of each series of a segment, by series number. */
export class PreviousValues {
  #bits = new Uint32Array(2048)

  /** An array for at least `series` series. The halves of series `id` are at `2 * id` and `2 * id + 1`. */
  for(series: number): Uint32Array {
    if (this.#bits.length < series * 2) {
      const larger = new Uint32Array(series * 4)
      larger.set(this.#bits)
      this.#bits = larger
    }
    return this.#bits
  }

  clear(): void {
    this.#bits.fill(0)
  }
}

/** Writes the column of `values` into `out` at `at`; `ids[i]` is the series number of `values[i]`. */
export function packColumn(values: Float64Array, ids: Uint32Array, last: Uint32Array, out: Buffer, at: number): void {
  const count = values.length
  const bits = new Uint32Array(values.buffer, values.byteOffset, count * 2)
  for (let i = 0; i < count; i++) {
    const place = (ids[i] as number) * 2
    for (let half = 0; half < 2; half++) {
      const now = bits[2 * i + half] as number
      const changed = now ^ (last[place + half] as number)
      last[place + half] = now
      const plane = at + 4 * half * count + i
      out[plane] = changed
      out[plane + count] = changed >>> 8
      out[plane + 2 * count] = changed >>> 16
      out[plane + 3 * count] = changed >>> 24
    }
  }
}

/** Reads a column of `ids.length` values at `at`: the inverse of `packColumn`. */
export function unpackColumn(bytes: Buffer, at: number, ids: Uint32Array, last: Uint32Array): Float64Array {
  const count = ids.length
  const values = new Float64Array(count)
  const bits = new Uint32Array(values.buffer)
  for (let i = 0; i < count; i++) {
    const place = (ids[i] as number) * 2
    for (let half = 0; half < 2; half++) {
      const plane = at + 4 * half * count + i
      const changed =
        (bytes[plane] as number) |
        ((bytes[plane + count] as number) << 8) |
        ((bytes[plane + 2 * count] as number) << 16) |
        ((bytes[plane + 3 * count] as number) << 24)
      bits[2 * i + half] = last[place + half] = changed ^ (last[place + half] as number)
    }
  }
  return values
}

/** Level 1 compresses these columns as well as level 3, in 0.1 ms for a snapshot of 3,000 series. */
const params = { [constants.ZSTD_c_compressionLevel]: 1 }

/** Size of the first output buffer. Node's default of 128 KiB for each call accumulates garbage. */
const maxChunkBytes = 64 * 1024
const chunkFor = (length: number) => Math.min(Math.max(length, 64), maxChunkBytes)

export const compress = (bytes: Buffer): Buffer =>
  zstdCompressSync(bytes, { params, pledgedSrcSize: bytes.length, chunkSize: chunkFor(bytes.length >> 1) })

/** Throws if the bytes are not zstd, or if the output is larger than `maxLength`. */
export const decompress = (bytes: Buffer, maxLength: number): Buffer =>
  zstdDecompressSync(bytes, { maxOutputLength: maxLength, chunkSize: chunkFor(maxLength) })
