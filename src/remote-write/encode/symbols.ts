import protobuf from 'protobufjs/minimal.js'
import type { MetricType, Series } from '../../metrics/index.ts'

import type { Inline } from './protobuf-message.ts'
import { longestHead, putVarint, varintLength } from './wire.ts'

/** Field number and wire type, as they stand before each field of remote-write 2.0. */
const tag = { symbols: 34, labelsRefs: 10, metadata: 42, type: 8, helpRef: 24 } as const

const metadataType: Record<MetricType, number> = { untyped: 0, counter: 1, gauge: 2, histogram: 3, summary: 5 }

/** Every text of a request once; the first is empty, as the specification wants it. */
class Symbols {
  readonly #refs = new Map<string, number>([['', 0]])

  ref(text: string): number {
    const known = this.#refs.get(text)
    if (known !== undefined) return known
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

/** All of a request that follows from its list of series. */
export interface Layout {
  readonly series: readonly Series[]
  /** The symbols, as they stand in front. */
  readonly symbols: Uint8Array
  /** What stands before the samples of each series and behind them, one after another. */
  readonly frame: Uint8Array
  /** Of each series where it begins in the frame and where its samples go, and at last the end. */
  readonly bounds: Uint32Array
  /** Series that carry metadata. */
  readonly metadata: number
  /** Some counter has a beginning of its own. */
  readonly isDated: boolean
  /** Bytes at most, but for the samples. */
  readonly maxBytes: number
}

/** A reference takes so many bytes at most; what else a series has around its samples, so many. */
const longestRef = 5
const longestRest = 32

/** `texts` gives names and values of a series' labels, in their order. */
export function layoutOf(
  series: readonly Series[],
  texts: (series: Series) => readonly string[],
  inline: Inline,
): Layout {
  const symbols = new Symbols()
  const labels = series.map(texts)
  const frame = new Frame(labels.reduce((sum, one) => sum + one.length * longestRef + longestRest, 0))
  const bounds = new Uint32Array(series.length * 2 + 1)
  let metadata = 0
  labels.forEach((one, i) => {
    const { family } = series[i] as Series // as many as labels
    bounds[2 * i] = frame.length
    frame.refs(one.map((text) => symbols.ref(text)))
    bounds[2 * i + 1] = frame.length
    if (inline === 'none') return
    frame.metadata(metadataType[family.type], inline === 'full' ? symbols.ref(family.help.toWellFormed()) : 0)
    if (frame.length > (bounds[2 * i + 1] as number)) metadata++
  })
  bounds[2 * series.length] = frame.length
  const bytes = symbols.bytes()
  const maxBytes = bytes.length + frame.length + series.length * longestHead
  const isDated = series.some(({ family: { since } }) => typeof since === 'number')
  return { series, isDated, symbols: bytes, frame: frame.bytes(), bounds, metadata, maxBytes }
}

/** The bytes around the samples, as they are put together. */
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

  /** Nothing where both are 0. */
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
