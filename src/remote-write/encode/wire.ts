import protobuf from 'protobufjs/minimal.js'

/** Tags of a sample, the same in 1.0 and 2.0: field 2 of a series; value in field 1, timestamp in field 2. */
const tag = { sample: 18, value: 9, timestamp: 16, start: 24 } as const

/** The value of a stale marker, little endian. As a JavaScript number it would become a normal NaN. */
const staleValue = Uint8Array.of(2, 0, 0, 0, 0, 0, 0xf0, 0x7f)

/** Maximum bytes of tag and length of a time series. */
export const maxHeadBytes = 6

/** Writes a number below 2^32 as varint. Returns the offset after it. */
export function putVarint(out: Uint8Array, at: number, value: number): number {
  let [offset, rest] = [at, value]
  for (; rest > 127; rest >>>= 7) out[offset++] = (rest & 127) | 128
  out[offset++] = rest
  return offset
}

export function varintLength(value: number): number {
  let length = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length++
  return length
}

/** Bytes of a sample with tag and length. */
export const sampleLength = (stamp: Uint8Array) => 2 + 9 + stamp.length

/** Writes one sample; a stale marker if there is no value. */
export function putSample(writer: protobuf.Writer, stamp: Uint8Array, value: number | undefined): void {
  writer
    .uint32(tag.sample)
    .uint32(9 + stamp.length)
    .uint32(tag.value)
  if (value === undefined) writer.raw(staleValue)
  else writer.double(value)
  writer.raw(stamp)
}

/** Cache of encoded timestamp fields: a request has few different ones. */
export class Stamps {
  readonly #stamps = new Map<number, Map<number, Uint8Array>>()

  /** Omits a start time of 0. */
  bytes(timestampMs: number, startMs: number): Uint8Array {
    let starts = this.#stamps.get(timestampMs)
    if (starts === undefined) this.#stamps.set(timestampMs, (starts = new Map()))
    let stamp = starts.get(startMs)
    if (stamp === undefined) {
      const writer = new protobuf.Writer().uint32(tag.timestamp).int64(timestampMs)
      if (startMs !== 0) writer.uint32(tag.start).int64(startMs)
      starts.set(startMs, (stamp = writer.finish().slice()))
    }
    return stamp
  }
}

/** Encoded samples of a series with these timestamps. Only the values differ between series. */
export interface Pattern {
  readonly bytes: Uint8Array
  /** Offset of each value in `bytes`. */
  readonly valueOffsets: readonly number[]
}

export function patternOf(stamps: readonly Uint8Array[]): Pattern {
  const bytes = new Uint8Array(stamps.reduce((sum, stamp) => sum + sampleLength(stamp), 0))
  let at = 0
  const valueOffsets = stamps.map((stamp) => {
    bytes[at] = tag.sample
    bytes[at + 1] = 9 + stamp.length
    bytes[at + 2] = tag.value
    const offset = at + 3
    bytes.set(stamp, offset + 8)
    at = offset + 8 + stamp.length
    return offset
  })
  return { bytes, valueOffsets }
}

/** An encoded request of one snapshot, to be filled with the values of the next one. */
export interface RequestTemplate {
  readonly bytes: Uint8Array
  /** Offset of the value of each series. */
  readonly values: Uint32Array
  /** Index of the sample pattern of each series. */
  readonly kinds: Uint8Array
}

/** Offset of the timestamp fields in a sample, after tag, length and value. */
const stampAt = 11

/**
 * Writes values and timestamps of another snapshot into the previous request, which had the same series. `samples`: the
 * sample pattern of each kind; it must have as many bytes as in the previous request.
 */
export function fillTemplate(
  { bytes, values, kinds }: RequestTemplate,
  column: Float64Array,
  samples: readonly Uint8Array[],
): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  for (let i = 0; i < values.length; i++) {
    const sample = samples[kinds[i] as number] as Uint8Array
    const offset = values[i] as number
    view.setFloat64(offset, column[i] as number, true)
    for (let from = stampAt, to = offset + 8; from < sample.length; from++) bytes[to++] = sample[from] as number
  }
  return bytes
}
