import protobuf from 'protobufjs/minimal.js'
import type { Entry } from '../buffer/buffer.ts'
import type { Family, MetricType } from '../metrics/family.ts'
import type { Series } from '../metrics/series.ts'
import type { Batch } from './batch.ts'
import { Known } from './known.ts'
import { type Label, labelBytes, labelsOf } from './labels.ts'

/** Field number and wire type, as they stand before each field of remote-write 1.0. */
const tag = {
  timeseries: 10,
  metadata: 26,
  sample: 18,
  value: 9,
  timestamp: 16,
  type: 8,
  familyName: 18,
  help: 34,
} as const

/** The value of a stale marker, little endian. As a JavaScript number it would become an ordinary NaN. */
const staleValue = Uint8Array.of(2, 0, 0, 0, 0, 0, 0xf0, 0x7f)

const metadataType: Record<MetricType, number> = { untyped: 0, counter: 1, gauge: 2, histogram: 3, summary: 5 }

/** A body before compression, and what it holds. */
export interface Encoded {
  readonly bytes: Uint8Array
  readonly samples: number
}

/** A version of the protocol: how a batch and its families are written. */
export interface Encoder {
  readonly contentType: string
  readonly version: string
  encode(batch: Batch): Encoded
  metadata(families: Iterable<Family>): Uint8Array
}

/** One series' samples in a request: times in milliseconds; where there is no value it is a stale marker. */
type Point = readonly [timestampMs: number, value: number | undefined]

/**
 * Remote-write 1.0, prometheus.WriteRequest. Label bytes are made once per series; samples of one series stand under
 * one label set, in the order of their times.
 */
export class EncoderV1 implements Encoder {
  readonly contentType = 'application/x-protobuf'
  readonly version = '0.1.0'
  readonly #labels: Known<Uint8Array>
  /** Room for the samples of a request, used again for the next. */
  #samples = Buffer.alloc(0)

  /** `labels` are those under which a series is sent. */
  constructor(labels: (series: Series) => readonly Label[] = labelsOf) {
    this.#labels = new Known((series) => labelBytes(labels(series)))
  }

  encode(batch: Batch): Encoded {
    const { entries, stale } = batch
    const [first] = entries
    if (first === undefined) return { bytes: new Uint8Array(), samples: 0 }
    const isAlike = ({ snapshot }: Entry) => snapshot.series === first.snapshot.series && !snapshot.ownTimestampsMs
    return stale.length === 0 && entries.every(isAlike)
      ? this.#alike(entries, first.snapshot.series)
      : this.#many(batch)
  }

  /**
   * Snapshots of the same series. The samples of one series look like those of the next except for their values: their
   * bytes are copied and the values put in, nothing is made for each sample.
   */
  #alike(entries: readonly Entry[], series: readonly Series[]): Encoded {
    const labels = this.#labels.of(series)
    const columns = entries.map(({ snapshot }) => snapshot.values)
    const pattern = new protobuf.Writer()
    const time = new Time()
    const places = entries.map(({ snapshot }) => {
      sample(pattern, time.bytes(snapshot.timestampMs), 0)
      return pattern.len - time.bytes(snapshot.timestampMs).length - 8
    })
    const samples = pattern.finish()
    const size = samples.length
    if (this.#samples.length < size * series.length) this.#samples = Buffer.alloc(size * series.length)
    const all = this.#samples
    const view = new DataView(all.buffer, all.byteOffset)
    const writer = new protobuf.Writer()
    labels.forEach((label, i) => {
      const at = size * i
      all.set(samples, at)
      for (let j = 0; j < columns.length; j++) {
        view.setFloat64(at + (places[j] as number), columns[j]?.[i] as number, true)
      }
      writer
        .uint32(tag.timeseries)
        .uint32(label.length + size)
        .raw(label)
        .raw(all.subarray(at, at + size))
    })
    return { bytes: writer.finish(), samples: series.length * entries.length }
  }

  /** Snapshots of different series, or with stale markers or times of their own: gathered by series first. */
  #many({ entries, stale }: Batch): Encoded {
    const writer = new protobuf.Writer()
    const points = new Map<Uint8Array, Point[]>()
    const add = (label: Uint8Array, point: Point) => {
      const known = points.get(label)
      if (known === undefined) points.set(label, [point])
      else known.push(point)
    }
    const ended = stale.map(({ series, timestampMs }) => [this.#labels.one(series), timestampMs] as const)
    let samples = 0
    for (const { snapshot } of entries) {
      const labels = this.#labels.of(snapshot.series)
      snapshot.values.forEach((value, i) => {
        const own = snapshot.ownTimestampsMs?.[i] ?? Number.NaN
        add(labels[i] as Uint8Array, [Number.isNaN(own) ? snapshot.timestampMs : own, value])
      })
      for (const [label, timestampMs] of ended)
        if (timestampMs === snapshot.timestampMs) add(label, [timestampMs, undefined])
      samples += snapshot.values.length
    }
    const time = new Time()
    for (const [label, row] of points) {
      const length = row.reduce((sum, [timestampMs]) => sum + sampleLength(time.bytes(timestampMs)), label.length)
      writer.uint32(tag.timeseries).uint32(length).raw(label)
      for (const [timestampMs, value] of row) sample(writer, time.bytes(timestampMs), value)
    }
    return { bytes: writer.finish(), samples: samples + stale.length }
  }

  /** A request of its own that holds type and help of each family and nothing else. */
  metadata(families: Iterable<Family>): Uint8Array {
    const writer = new protobuf.Writer()
    for (const { name, type, help } of families) {
      writer.uint32(tag.metadata).fork()
      if (metadataType[type] !== 0) writer.uint32(tag.type).uint32(metadataType[type])
      writer.uint32(tag.familyName).string(name).uint32(tag.help).string(help).ldelim()
    }
    return writer.finish()
  }
}

/** Tag and length of the sample, and its two fields. */
const sampleLength = (stamp: Uint8Array) => 2 + 9 + stamp.length

function sample(writer: protobuf.Writer, stamp: Uint8Array, value: number | undefined): void {
  writer
    .uint32(tag.sample)
    .uint32(9 + stamp.length)
    .uint32(tag.value)
  if (value === undefined) writer.raw(staleValue)
  else writer.double(value)
  writer.raw(stamp)
}

/** Timestamp fields: the samples of a request have few different ones. */
class Time {
  readonly #known = new Map<number, Uint8Array>()

  bytes(timestampMs: number): Uint8Array {
    let known = this.#known.get(timestampMs)
    if (known === undefined) {
      known = new protobuf.Writer().uint32(tag.timestamp).int64(timestampMs).finish().slice()
      this.#known.set(timestampMs, known)
    }
    return known
  }
}
