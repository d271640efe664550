import protobuf from 'protobufjs/minimal.js'
import type { MetricType, Series } from '../../metrics/index.ts'

import type { RequestMetadata } from './protobuf-message.ts'
import { maxHeadBytes, putVarint, varintLength } from './wire.ts'

/** Protobuf tags (field number and wire type) of remote-write 2.0. */
const tag = { symbols: 34, labelsRefs: 10, metadata: 42, type: 8, helpRef: 24 } as const

const metadataType: Record<MetricType, number> = { untyped: 0, counter: 1, gauge: 2, histogram: 3, summary: 5 }

/** Symbol table: each string of a request once. The specification requires the first one to be empty. */
class Symbols {
  readonly #refs = new Map<string, number>([['', 0]])

  ref(text: string): number {
    const existing = this.#refs.get(text)
    if (existing !== undefined) return existing
    const ref = this.#refs.size
    this.#refs.set(text, ref)
    return ref
  }

  bytes(): Uint8Array {
    const writer = new protobuf.Writer()
    for (const text of this.#refs.keys()) writer.uint32(tag.symbols).string(text)
    return writer.finish().slice()
  }
}

/** The part of a request that depends only on its list of series. */
export interface Layout {
  readonly series: readonly Series[]
  /** The encoded symbol table: the start of the request. */
  readonly symbols: Uint8Array
  /** Encoded fields of each series before and after its samples, concatenated. */
  readonly frame: Uint8Array
  /** Two offsets in `frame` per series, its start and the position of its samples; then the end of `frame`. */
  readonly bounds: Uint32Array
  /** Number of series with metadata. */
  readonly metadata: number
  /** Whether at least one counter has an individual start time. */
  readonly isDated: boolean
  /** Maximum size without samples, bytes. */
  readonly maxBytes: number
}

/** Maximum bytes of a symbol reference, and of all other fields of a series without its samples. */
const maxRefBytes = 5
const maxOtherBytes = 32

/** `texts` returns the label names and values of a series, alternating. */
export function layoutOf(
  series: readonly Series[],
  texts: (series: Series) => readonly string[],
  inline: RequestMetadata,
): Layout {
  const symbols = new Symbols()
  const labels = series.map(texts)
  const frame = new Frame(labels.reduce((sum, one) => sum + one.length * maxRefBytes + maxOtherBytes, 0))
  const bounds = new Uint32Array(series.length * 2 + 1)
  let metadata = 0
  labels.forEach((one, i) => {
    const { family } = series[i] as Series // series and labels have the same length
    bounds[2 * i] = frame.length
    frame.refs(one.map((text) => symbols.ref(text)))
    bounds[2 * i + 1] = frame.length
    if (inline === 'none') return
    frame.metadata(metadataType[family.type], inline === 'full' ? symbols.ref(family.help.toWellFormed()) : 0)
    if (frame.length > (bounds[2 * i + 1] as number)) metadata++
  })
  bounds[2 * series.length] = frame.length
  const bytes = symbols.bytes()
  const maxBytes = bytes.length + frame.length + series.length * maxHeadBytes
  const isDated = series.some(({ family: { since } }) => typeof since === 'number')
  return { series, isDated, symbols: bytes, frame: frame.bytes(), bounds, metadata, maxBytes }
}

/** Writes the fields around the samples. */
class Frame {
  readonly #bytes: Uint8Array
  length = 0

  constructor(maxBytes: number) {
    this.#bytes = new Uint8Array(maxBytes)
  }

  refs(refs: readonly number[]): void {
    this.#byte(tag.labelsRefs)
    this.#number(refs.reduce((sum, ref) => sum + varintLength(ref), 0))
    for (const ref of refs) this.#number(ref)
  }

  /** Writes nothing if both are 0. */
  metadata(type: number, helpRef: number): void {
    if (type === 0 && helpRef === 0) return
    this.#byte(tag.metadata)
    this.#byte((type === 0 ? 0 : 2) + (helpRef === 0 ? 0 : 1 + varintLength(helpRef)))
    if (type !== 0) {
      this.#byte(tag.type)
      this.#byte(type)
    }
    if (helpRef === 0) return
    this.#byte(tag.helpRef)
    this.#number(helpRef)
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.length)
  }

  #byte(value: number): void {
    this.#bytes[this.length++] = value
  }

  #number(value: number): void {
    this.length = putVarint(this.#bytes, this.length, value)
  }
}
