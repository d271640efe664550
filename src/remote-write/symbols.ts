import protobuf from 'protobufjs/minimal.js'
import type { Family, MetricType } from '../metrics/family.ts'
import type { Series } from '../metrics/series.ts'
import { longestHead } from './wire.ts'

/** What of a family each series of remote-write 2.0 carries with it. */
export const inlineKinds = ['full', 'types_only', 'none'] as const
export type Inline = (typeof inlineKinds)[number]

/** Field number and wire type, as they stand before each field of remote-write 2.0. */
const tag = { symbols: 34, labelsRefs: 10, metadata: 42, type: 8, helpRef: 24 } as const

const metadataType: Record<MetricType, number> = { untyped: 0, counter: 1, gauge: 2, histogram: 3, summary: 5 }

/** Every text of a request once; the first is empty, as the specification wants it. */
class Symbols {
  readonly #refs = new Map<string, number>([['', 0]])

  ref(text: string): number {
    let ref = this.#refs.get(text)
    if (ref === undefined) this.#refs.set(text, (ref = this.#refs.size))
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
  /** The symbols, as they stand in front. */
  readonly symbols: Uint8Array
  /** What stands before the samples of each series and behind them, one after another. */
  readonly frame: Uint8Array
  /** Of each series where it begins in the frame and where its samples go, and at last the end. */
  readonly bounds: Uint32Array
  /** Series that carry metadata. */
  readonly metadata: number
  /** Bytes at most, but for the samples. */
  readonly mostBytes: number
}

/** `texts` gives names and values of a series' labels, in their order. */
export function layoutOf(
  series: readonly Series[],
  texts: (series: Series) => readonly string[],
  inline: Inline,
): Layout {
  const symbols = new Symbols()
  const bounds = new Uint32Array(series.length * 2 + 1)
  const writer = new protobuf.Writer()
  let metadata = 0
  series.forEach((one, i) => {
    bounds[2 * i] = writer.len
    writer.uint32(tag.labelsRefs).fork()
    for (const text of texts(one)) writer.uint32(symbols.ref(text))
    writer.ldelim()
    bounds[2 * i + 1] = writer.len
    if (putMetadata(writer, one.family, inline, symbols)) metadata++
  })
  bounds[2 * series.length] = writer.len
  const frame = writer.finish().slice()
  const bytes = symbols.bytes()
  const mostBytes = bytes.length + frame.length + series.length * longestHead
  return { symbols: bytes, frame, bounds, metadata, mostBytes }
}

/** False where there is nothing to say. */
function putMetadata(writer: protobuf.Writer, { type, help }: Family, inline: Inline, symbols: Symbols): boolean {
  const number = inline === 'none' ? 0 : metadataType[type]
  const ref = inline === 'full' ? symbols.ref(help.toWellFormed()) : 0
  if (number === 0 && ref === 0) return false
  writer.uint32(tag.metadata).fork()
  if (number !== 0) writer.uint32(tag.type).uint32(number)
  if (ref !== 0) writer.uint32(tag.helpRef).uint32(ref)
  writer.ldelim()
  return true
}
