import protobuf from 'protobufjs/minimal.js'
import type { Entry } from '../../buffer/index.ts'
import type { Series, Since } from '../../metrics/index.ts'

import type { Batch } from './batch.ts'
import { commonSeries, type Encoded, type Encoder, nothing, pointsOf, startOf } from './encoder.ts'
import { type Label, labelsOf } from './labels.ts'
import type { RequestMetadata } from './protobuf-message.ts'
import { SeriesCache } from './series-cache.ts'
import { type Layout, layoutOf } from './symbols.ts'
import {
  fillTemplate,
  type Pattern,
  patternOf,
  putSample,
  putVarint,
  type RequestTemplate,
  Stamps,
  sampleLength,
} from './wire.ts'

/** Protobuf tag (field number and wire type) of a time series. */
const timeseriesTag = 42

/** Number of cached layouts: the live list of series and one of a backlog. */
const maxLayouts = 2

/** The previous request, reused if the next snapshot has the same series. */
interface SeriesTemplate extends RequestTemplate {
  readonly layout: Layout
  readonly patterns: Patterns
}

/**
 * Remote-write 2.0, io.prometheus.write.v2.Request. A symbol table at the start contains all strings; type and help are
 * sent with each series. The table and the fields around the samples are encoded once per list of series: while snapshots
 * share a list, only samples are written.
 */
export class EncoderV2 implements Encoder {
  readonly contentType = 'application/x-protobuf;proto=io.prometheus.write.v2.Request'
  readonly version = '2.0.0'
  readonly #inline: RequestMetadata
  readonly #texts: SeriesCache<readonly string[]>
  #layouts: Layout[] = []
  /** Output buffer, reused for each request. */
  #output: Uint8Array = new Uint8Array()
  /** Layout of `#output`, if it contains one snapshot. */
  #template: SeriesTemplate | undefined

  /** `labels` returns the labels of a series as it is sent. */
  constructor(inline: RequestMetadata, labels: (series: Series) => readonly Label[] = labelsOf) {
    this.#inline = inline
    this.#texts = new SeriesCache((series) => labels(series).flat())
  }

  encode(batch: Batch): Encoded {
    if (batch.entries.length === 0) return nothing
    const series = commonSeries(batch)
    if (series === undefined || this.#layout(series).isDated) return this.#mixed(batch)
    return this.#uniform(batch.entries, series)
  }

  /** Encodes snapshots that share one list of series. */
  #uniform(entries: readonly Entry[], series: readonly Series[]): Encoded {
    const layout = this.#layout(series)
    const patterns = new Patterns(entries)
    const [entry] = entries
    const template = this.#template
    const fits = entries.length === 1 && template?.layout === layout && template.patterns.hasSameSizes(patterns)
    const bytes =
      fits && entry
        ? fillTemplate(template, entry.snapshot.values, patterns.samples)
        : this.#written(entries, layout, patterns)
    return { bytes, samples: series.length * entries.length, metadata: layout.metadata }
  }

  /** Copies the layout and the sample patterns, and writes the values into them. */
  #written(entries: readonly Entry[], layout: Layout, patterns: Patterns): Uint8Array {
    const { series, symbols, frame, bounds, maxBytes } = layout
    const capacity = maxBytes + series.length * patterns.maxBytes
    if (this.#output.length < capacity) this.#output = Buffer.allocUnsafeSlow(capacity)
    const out = this.#output
    const view = new DataView(out.buffer, out.byteOffset)
    const columns = entries.map(({ snapshot }) => snapshot.values)
    const values = new Uint32Array(series.length)
    const kinds = new Uint8Array(series.length)
    out.set(symbols)
    let at = symbols.length
    for (let i = 0; i < series.length; i++) {
      const kind = kindOf((series[i] as Series).family.since)
      const { bytes, valueOffsets } = patterns.all[kind]
      kinds[i] = kind
      const from = bounds[2 * i] as number
      const middle = bounds[2 * i + 1] as number
      const to = bounds[2 * i + 2] as number
      out[at++] = timeseriesTag
      at = putVarint(out, at, to - from + bytes.length)
      for (let j = from; j < middle; j++) out[at++] = frame[j] as number
      out.set(bytes, at)
      for (let j = 0; j < columns.length; j++) {
        view.setFloat64(at + (valueOffsets[j] as number), columns[j]?.[i] as number, true)
      }
      values[i] = at + (valueOffsets[0] as number)
      at += bytes.length
      for (let j = middle; j < to; j++) out[at++] = frame[j] as number
    }
    const bytes = out.subarray(0, at)
    this.#template = entries.length === 1 ? { layout, patterns, bytes, values, kinds } : undefined
    return bytes
  }

  #mixed(batch: Batch): Encoded {
    const points = pointsOf(batch)
    const { symbols, frame, bounds, metadata } = this.#newLayout([...points.keys()])
    const writer = new protobuf.Writer().raw(symbols)
    const stamps = new Stamps()
    let samples = 0
    let offset = 0
    for (const row of points.values()) {
      const [from, middle, to] = bounds.subarray(offset, offset + 3) as unknown as [number, number, number]
      const times = row.map(({ timestampMs, startMs }) => stamps.bytes(timestampMs, startMs))
      const length = times.reduce((sum, stamp) => sum + sampleLength(stamp), to - from)
      writer.uint32(timeseriesTag).uint32(length).raw(frame.subarray(from, middle))
      row.forEach(({ value }, i) => {
        putSample(writer, times[i] as Uint8Array, value)
      })
      writer.raw(frame.subarray(middle, to))
      samples += row.length
      offset += 2
    }
    return { bytes: writer.finish(), samples, metadata }
  }

  #layout(series: readonly Series[]): Layout {
    const cached = this.#layouts.find((one) => one.series === series)
    if (cached !== undefined) return cached
    const layout = this.#newLayout(series)
    this.#layouts = [layout, ...this.#layouts].slice(0, maxLayouts)
    return layout
  }

  #newLayout(series: readonly Series[]): Layout {
    return layoutOf(series, (one) => this.#texts.one(one), this.#inline)
  }
}

/** Start time of a series: unknown (0), boot (1), start of the agent (2). */
type Kind = 0 | 1 | 2
const kindOf = (since: Since | undefined): Kind => (since === 'boot' ? 1 : since === 'start' ? 2 : 0)

/** Sample patterns for the timestamps of these snapshots, one per kind of start time. */
class Patterns {
  readonly all: readonly [Pattern, Pattern, Pattern]

  constructor(entries: readonly Entry[]) {
    const stamps = new Stamps()
    const pattern = (since?: Since) =>
      patternOf(
        entries.map(({ snapshot }) => {
          const { timestampMs } = snapshot
          return stamps.bytes(timestampMs, startOf({ since }, snapshot, timestampMs))
        }),
      )
    this.all = [pattern(), pattern('boot'), pattern('start')]
  }

  get samples(): readonly Uint8Array[] {
    return this.all.map(({ bytes }) => bytes)
  }

  /** Whether the samples have the same sizes. */
  hasSameSizes(other: Patterns): boolean {
    return this.all.every(({ bytes }, kind) => bytes.length === other.all[kind as Kind].bytes.length)
  }

  get maxBytes(): number {
    return Math.max(...this.samples.map((bytes) => bytes.length))
  }
}
