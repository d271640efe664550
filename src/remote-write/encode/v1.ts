import protobuf from 'protobufjs/minimal.js'
import type { Entry } from '../../buffer/index.ts'
import type { Family, MetricType, Series } from '../../metrics/index.ts'

import type { Batch } from './batch.ts'
import { commonSeries, type Encoded, type Encoder, nothing, pointsOf } from './encoder.ts'
import { type Label, labelBytes, labelsOf } from './labels.ts'
import { SeriesCache } from './series-cache.ts'
import {
  fillTemplate,
  longestHead,
  type Pattern,
  patternOf,
  putSample,
  putVarint,
  type RequestTemplate,
  Stamps,
  sampleLength,
} from './wire.ts'

/** Field number and wire type, as they stand before each field of remote-write 1.0. */
const tag = { timeseries: 10, metadata: 26, type: 8, familyName: 18, help: 34 } as const

const metadataType: Record<MetricType, number> = { untyped: 0, counter: 1, gauge: 2, histogram: 3, summary: 5 }

/** What a request was made of that another snapshot may fit into. */
interface SeriesTemplate extends RequestTemplate {
  readonly labels: readonly Uint8Array[]
  /** Bytes of a sample. */
  readonly size: number
}

/**
 * Remote-write 1.0, prometheus.WriteRequest. Label bytes are made once per series; samples of one series stand under
 * one label set, in the order of their times.
 */
export class EncoderV1 implements Encoder {
  readonly contentType = 'application/x-protobuf'
  readonly version = '0.1.0'
  readonly #labels: SeriesCache<Uint8Array>
  /** Room for a request, used again for the next: a backlog would leave megabytes behind with each. */
  #room: Uint8Array = new Uint8Array()
  /** What stands in it, where that is one snapshot. */
  #template: SeriesTemplate | undefined

  /** `labels` are those under which a series is sent. */
  constructor(labels: (series: Series) => readonly Label[] = labelsOf) {
    this.#labels = new SeriesCache((series) => labelBytes(labels(series)))
  }

  encode(batch: Batch): Encoded {
    if (batch.entries.length === 0) return nothing
    const series = commonSeries(batch)
    return series === undefined ? this.#many(batch) : this.#alike(batch.entries, series)
  }

  /** Snapshots of the same series. */
  #alike(entries: readonly Entry[], series: readonly Series[]): Encoded {
    const labels = this.#labels.of(series)
    const stamps = new Stamps()
    const pattern = patternOf(entries.map(({ snapshot }) => stamps.bytes(snapshot.timestampMs, 0)))
    const [entry] = entries
    const cast = this.#template
    const fits = entries.length === 1 && cast?.labels === labels && cast.size === pattern.bytes.length
    const bytes =
      fits && entry
        ? fillTemplate(cast, entry.snapshot.values, [pattern.bytes])
        : this.#written(entries, labels, pattern)
    return { bytes, samples: series.length * entries.length, metadata: 0 }
  }

  /**
   * The samples of one series look like those of the next except for their values: their bytes are copied and the
   * values put in; nothing is made for each sample, and nothing for the request.
   */
  #written(entries: readonly Entry[], labels: readonly Uint8Array[], { bytes, places }: Pattern): Uint8Array {
    const columns = entries.map(({ snapshot }) => snapshot.values)
    const size = bytes.length
    const most = labels.reduce((sum, label) => sum + longestHead + label.length + size, 0)
    if (this.#room.length < most) this.#room = Buffer.allocUnsafeSlow(most)
    const out = this.#room
    const view = new DataView(out.buffer, out.byteOffset)
    const values = new Uint32Array(labels.length)
    let at = 0
    labels.forEach((label, i) => {
      out[at++] = tag.timeseries
      at = putVarint(out, at, label.length + size)
      out.set(label, at)
      at += label.length
      out.set(bytes, at)
      for (let j = 0; j < columns.length; j++) {
        view.setFloat64(at + (places[j] as number), columns[j]?.[i] as number, true)
      }
      values[i] = at + (places[0] as number)
      at += size
    })
    const written = out.subarray(0, at)
    this.#template =
      entries.length === 1 ? { labels, size, bytes: written, values, kinds: new Uint8Array(labels.length) } : undefined
    return written
  }

  #many(batch: Batch): Encoded {
    const writer = new protobuf.Writer()
    const stamps = new Stamps()
    let samples = 0
    for (const [series, points] of pointsOf(batch)) {
      const label = this.#labels.one(series)
      const row = points.map(({ timestampMs, value }) => [stamps.bytes(timestampMs, 0), value] as const)
      const length = row.reduce((sum, [stamp]) => sum + sampleLength(stamp), label.length)
      writer.uint32(tag.timeseries).uint32(length).raw(label)
      for (const [stamp, value] of row) putSample(writer, stamp, value)
      samples += row.length
    }
    return { bytes: writer.finish(), samples, metadata: 0 }
  }

  metadata(families: Iterable<Family>): Uint8Array {
    const writer = new protobuf.Writer()
    for (const { name, type, help } of families) {
      writer.uint32(tag.metadata).fork()
      if (metadataType[type] !== 0) writer.uint32(tag.type).uint32(metadataType[type])
      writer.uint32(tag.familyName).string(name)
      writer.uint32(tag.help).string(help.toWellFormed()).ldelim()
    }
    return writer.finish()
  }
}
