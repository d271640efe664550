import protobuf from 'protobufjs/minimal.js'
import type { Entry } from '../../buffer/index.ts'
import type { Series, Since } from '../../metrics/index.ts'

import type { Batch } from './batch.ts'
import { commonSeries, type Encoded, type Encoder, nothing, pointsOf, startOf } from './encoder.ts'
import { type Label, labelsOf } from './labels.ts'
import type { Inline } from './protobuf-message.ts'
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

/** Field number and wire type of a request's series. */
const timeseriesTag = 42

/** Lists of series whose layouts are kept: a live one and one of a backlog that is being read. */
const keptLayouts = 2

/** What a request was made of that another snapshot may fit into. */
interface SeriesTemplate extends RequestTemplate {
  readonly layout: Layout
  readonly patterns: Patterns
}

/**
 * Remote-write 2.0, io.prometheus.write.v2.Request. All texts stand in one table in front, and type and help go with
 * each series. The table and what surrounds the samples of each series are made once for a list of series: while
 * snapshots share theirs, only samples are written.
 */
export class EncoderV2 implements Encoder {
  readonly contentType = 'application/x-protobuf;proto=io.prometheus.write.v2.Request'
  readonly version = '2.0.0'
  readonly #inline: Inline
  readonly #texts: SeriesCache<readonly string[]>
  #layouts: Layout[] = []
  /** Room for a request, used again for the next. */
  #room: Uint8Array = new Uint8Array()
  /** What stands in it, where that is one snapshot. */
  #template: SeriesTemplate | undefined

  /** `labels` are those under which a series is sent. */
  constructor(inline: Inline, labels: (series: Series) => readonly Label[] = labelsOf) {
    this.#inline = inline
    this.#texts = new SeriesCache((series) => labels(series).flat())
  }

  encode(batch: Batch): Encoded {
    if (batch.entries.length === 0) return nothing
    const series = commonSeries(batch)
    if (series === undefined || this.#layout(series).isDated) return this.#many(batch)
    return this.#alike(batch.entries, series)
  }

  /** Snapshots of the same series. */
  #alike(entries: readonly Entry[], series: readonly Series[]): Encoded {
    const layout = this.#layout(series)
    const patterns = new Patterns(entries)
    const [entry] = entries
    const cast = this.#template
    const fits = entries.length === 1 && cast?.layout === layout && cast.patterns.isLike(patterns)
    const bytes =
      fits && entry
        ? fillTemplate(cast, entry.snapshot.values, patterns.samples)
        : this.#written(entries, layout, patterns)
    return { bytes, samples: series.length * entries.length, metadata: layout.metadata }
  }

  /** Bytes are copied and the values put in. */
  #written(entries: readonly Entry[], layout: Layout, patterns: Patterns): Uint8Array {
    const { series, symbols, frame, bounds, maxBytes } = layout
    const most = maxBytes + series.length * patterns.maxBytes
    if (this.#room.length < most) this.#room = Buffer.allocUnsafeSlow(most)
    const out = this.#room
    const view = new DataView(out.buffer, out.byteOffset)
    const columns = entries.map(({ snapshot }) => snapshot.values)
    const values = new Uint32Array(series.length)
    const kinds = new Uint8Array(series.length)
    out.set(symbols)
    let at = symbols.length
    for (let i = 0; i < series.length; i++) {
      const kind = kindOf((series[i] as Series).family.since)
      const { bytes, places } = patterns.all[kind]
      kinds[i] = kind
      const from = bounds[2 * i] as number
      const middle = bounds[2 * i + 1] as number
      const to = bounds[2 * i + 2] as number
      out[at++] = timeseriesTag
      at = putVarint(out, at, to - from + bytes.length)
      for (let j = from; j < middle; j++) out[at++] = frame[j] as number
      out.set(bytes, at)
      for (let j = 0; j < columns.length; j++) {
        view.setFloat64(at + (places[j] as number), columns[j]?.[i] as number, true)
      }
      values[i] = at + (places[0] as number)
      at += bytes.length
      for (let j = middle; j < to; j++) out[at++] = frame[j] as number
    }
    const bytes = out.subarray(0, at)
    this.#template = entries.length === 1 ? { layout, patterns, bytes, values, kinds } : undefined
    return bytes
  }

  #many(batch: Batch): Encoded {
    const points = pointsOf(batch)
    const { symbols, frame, bounds, metadata } = this.#made([...points.keys()])
    const writer = new protobuf.Writer().raw(symbols)
    const stamps = new Stamps()
    let samples = 0
    let place = 0
    for (const row of points.values()) {
      const [from, middle, to] = bounds.subarray(place, place + 3) as unknown as [number, number, number]
      const times = row.map(({ timestampMs, startMs }) => stamps.bytes(timestampMs, startMs))
      const length = times.reduce((sum, stamp) => sum + sampleLength(stamp), to - from)
      writer.uint32(timeseriesTag).uint32(length).raw(frame.subarray(from, middle))
      row.forEach(({ value }, i) => {
        putSample(writer, times[i] as Uint8Array, value)
      })
      writer.raw(frame.subarray(middle, to))
      samples += row.length
      place += 2
    }
    return { bytes: writer.finish(), samples, metadata }
  }

  #layout(series: readonly Series[]): Layout {
    const kept = this.#layouts.find((one) => one.series === series)
    if (kept !== undefined) return kept
    const layout = this.#made(series)
    this.#layouts = [layout, ...this.#layouts].slice(0, keptLayouts)
    return layout
  }

  #made(series: readonly Series[]): Layout {
    return layoutOf(series, (one) => this.#texts.one(one), this.#inline)
  }
}

/** What a counter counts since: nothing that is known, the boot, the start of its agent. */
type Kind = 0 | 1 | 2
const kindOf = (since: Since | undefined): Kind => (since === 'boot' ? 1 : since === 'start' ? 2 : 0)

/** The samples of a series at the moments of these snapshots, by kind. */
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

  /** Samples take the same room. */
  isLike(other: Patterns): boolean {
    return this.all.every(({ bytes }, kind) => bytes.length === other.all[kind as Kind].bytes.length)
  }

  get maxBytes(): number {
    return Math.max(...this.samples.map((bytes) => bytes.length))
  }
}
