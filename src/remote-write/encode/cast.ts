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
