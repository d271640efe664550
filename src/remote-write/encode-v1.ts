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

/** Tag and length of a time series at most. */
const longestHead = 6

/** A body before compression, and what it holds. The bytes hold until the next one is encoded. */
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
  /** Room for a request, used again for the next: a backlog would leave megabytes behind with each. */
  #room: Uint8Array = new Uint8Array()

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
   * bytes are copied and the values put in; nothing is made for each sample, and nothing for the request.
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
    const most = labels.reduce((sum, label) => sum + longestHead + label.length + size, 0)
    if (this.#room.length < most) this.#room = Buffer.allocUnsafeSlow(most)
    const out = this.#room
    const view = new DataView(out.buffer, out.byteOffset)
    let at = 0
    labels.forEach((label, i) => {
      out[at++] = tag.timeseries
      at = putVarint(out, at, label.length + size)
      out.set(label, at)
      at += label.length
      out.set(samples, at)
      for (let j = 0; j < columns.length; j++) {
        view.setFloat64(at + (places[j] as number), columns[j]?.[i] as number, true)
      }
      at += size
    })
    return { bytes: out.subarray(0, at), samples: series.length * entries.length }
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

function putVarint(out: Uint8Array, at: number, value: number): number {
  let [place, rest] = [at, value]
  for (; rest > 127; rest >>>= 7) out[place++] = (rest & 127) | 128
  out[place++] = rest
  return place
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
