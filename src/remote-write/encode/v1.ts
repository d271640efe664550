import protobuf from 'protobufjs/minimal.js'
import type { Entry } from '../../buffer/index.ts'
import type { Family, MetricType, Series } from '../../metrics/index.ts'

import type { Batch } from './batch.ts'
import { commonSeries, type Encoded, type Encoder, nothing, pointsOf } from './encoder.ts'
import { type Label, labelBytes, labelsOf } from './labels.ts'
import { SeriesCache } from './series-cache.ts'
import {
  fillTemplate,
  maxHeadBytes,
  type Pattern,
  patternOf,
  putSample,
  putVarint,
  type RequestTemplate,
  Stamps,
  sampleLength,
} from './wire.ts'

/** Protobuf tags (field number and wire type) of remote-write 1.0. */
const tag = { timeseries: 10, metadata: 26, type: 8, familyName: 18, help: 34 } as const

const metadataType: Record<MetricType, number> = { untyped: 0, counter: 1, gauge: 2, histogram: 3, summary: 5 }

/** The previous request, reused if the next snapshot has the same series. */
interface SeriesTemplate extends RequestTemplate {
  readonly labels: readonly Uint8Array[]
  /** Bytes of the samples of a series. */
  readonly size: number
}

/**
 * Remote-write 1.0, prometheus.WriteRequest. Labels are encoded once per series. Each series occurs once per request, with
 * its samples in the order of time.
 */
export class EncoderV1 implements Encoder {
  readonly contentType = 'application/x-protobuf'
  readonly version = '0.1.0'
  readonly #labels: SeriesCache<Uint8Array>
  /** Output buffer, reused for each request: a backlog would otherwise create megabytes of garbage per request. */
  #output: Uint8Array = new Uint8Array()
  /** Layout of `#output`, if it contains one snapshot. */
  #template: SeriesTemplate | undefined

  /** `labels` returns the labels of a series as it is sent. */
  constructor(labels: (series: Series) => readonly Label[] = labelsOf) {
    this.#labels = new SeriesCache((series) => labelBytes(labels(series)))
  }

  encode(batch: Batch): Encoded {
    if (batch.entries.length === 0) return nothing
    const series = commonSeries(batch)
    return series === undefined ? this.#mixed(batch) : this.#uniform(batch.entries, series)
  }

  /** Encodes snapshots that share one list of series. */
  #uniform(entries: readonly Entry[], series: readonly Series[]): Encoded {
    const labels = this.#labels.of(series)
    const stamps = new Stamps()
    const pattern = patternOf(entries.map(({ snapshot }) => stamps.bytes(snapshot.timestampMs, 0)))
    const [entry] = entries
    const template = this.#template
    const fits = entries.length === 1 && template?.labels === labels && template.size === pattern.bytes.length
    const bytes =
      fits && entry
        ? fillTemplate(template, entry.snapshot.values, [pattern.bytes])
        : this.#written(entries, labels, pattern)
    return { bytes, samples: series.length * entries.length, metadata: 0 }
  }

  /**
   * The samples of all series are equal except for their values: copies the pattern and writes the values into it.
   * Allocates nothing per sample or request.
   */
  #written(entries: readonly Entry[], labels: readonly Uint8Array[], { bytes, valueOffsets }: Pattern): Uint8Array {
    const columns = entries.map(({ snapshot }) => snapshot.values)
    const size = bytes.length
    const maxBytes = labels.reduce((sum, label) => sum + maxHeadBytes + label.length + size, 0)
    if (this.#output.length < maxBytes) this.#output = Buffer.allocUnsafeSlow(maxBytes)
    const out = this.#output
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
        view.setFloat64(at + (valueOffsets[j] as number), columns[j]?.[i] as number, true)
      }
      values[i] = at + (valueOffsets[0] as number)
      at += size
    })
    const written = out.subarray(0, at)
    this.#template =
      entries.length === 1 ? { labels, size, bytes: written, values, kinds: new Uint8Array(labels.length) } : undefined
    return written
  }

  #mixed(batch: Batch): Encoded {
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
