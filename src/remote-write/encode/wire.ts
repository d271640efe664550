import protobuf from 'protobufjs/minimal.js'

/** Both versions write a sample in the same way: field 2 of its series, the value in field 1, the time in field 2. */
const tag = { sample: 18, value: 9, timestamp: 16, start: 24 } as const

/** The value of a stale marker, little endian. As a JavaScript number it would become an ordinary NaN. */
const staleValue = Uint8Array.of(2, 0, 0, 0, 0, 0, 0xf0, 0x7f)

/** Tag and length of a time series at most. */
export const longestHead = 6

/** Writes a length or another number below 2^32 and gives the place behind it. */
export function putVarint(out: Uint8Array, at: number, value: number): number {
  let [place, rest] = [at, value]
  for (; rest > 127; rest >>>= 7) out[place++] = (rest & 127) | 128
  out[place++] = rest
  return place
}

export function varintLength(value: number): number {
  let length = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length++
  return length
}

/** Tag and length of the sample, and its fields. */
export const sampleLength = (stamp: Uint8Array) => 2 + 9 + stamp.length

/** One sample; where there is no value a stale marker. */
export function putSample(writer: protobuf.Writer, stamp: Uint8Array, value: number | undefined): void {
  writer
    .uint32(tag.sample)
    .uint32(9 + stamp.length)
    .uint32(tag.value)
  if (value === undefined) writer.raw(staleValue)
  else writer.double(value)
  writer.raw(stamp)
}

/** The fields with a sample's times: a request has few different ones. */
export class Stamps {
  readonly #known = new Map<number, Map<number, Uint8Array>>()

  /** A start of 0 is left out. */
  bytes(timestampMs: number, startMs: number): Uint8Array {
    let starts = this.#known.get(timestampMs)
    if (starts === undefined) this.#known.set(timestampMs, (starts = new Map()))
    let known = starts.get(startMs)
    if (known === undefined) {
      const writer = new protobuf.Writer().uint32(tag.timestamp).int64(timestampMs)
      if (startMs !== 0) writer.uint32(tag.start).int64(startMs)
      starts.set(startMs, (known = writer.finish().slice()))
    }
    return known
  }
}

/** The samples of a series that has one at each of these moments: the same for many, but for the values. */
export interface Pattern {
  readonly bytes: Uint8Array
  /** Where each value stands in it. */
  readonly places: readonly number[]
}

export function patternOf(stamps: readonly Uint8Array[]): Pattern {
  const bytes = new Uint8Array(stamps.reduce((sum, stamp) => sum + sampleLength(stamp), 0))
  let at = 0
  const places = stamps.map((stamp) => {
    bytes[at] = tag.sample
    bytes[at + 1] = 9 + stamp.length
    bytes[at + 2] = tag.value
    const place = at + 3
    bytes.set(stamp, place + 8)
    at = place + 8 + stamp.length
    return place
  })
  return { bytes, places }
}

/** A request of one snapshot, as it was written. */
export interface RequestTemplate {
  readonly bytes: Uint8Array
  /** Where the value of each series stands. */
  readonly values: Uint32Array
  /** Which of the samples of a request each series has. */
  readonly kinds: Uint8Array
}

/** In a sample the times come after its tag, its length and its value. */
const stampAt = 11

/**
 * A request before had the same series: the values of another snapshot are put into it, with their times. `samples` are
 * by kind what a sample has beside its value, as many bytes as before.
 */
export function fillTemplate(
  { bytes, values, kinds }: RequestTemplate,
  column: Float64Array,
  samples: readonly Uint8Array[],
): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  for (let i = 0; i < values.length; i++) {
    const sample = samples[kinds[i] as number] as Uint8Array
    const place = values[i] as number
    view.setFloat64(place, column[i] as number, true)
    for (let from = stampAt, to = place + 8; from < sample.length; from++) bytes[to++] = sample[from] as number
  }
  return bytes
}
