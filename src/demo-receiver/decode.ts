import { readFileSync } from 'node:fs'
import type protobuf from 'protobufjs'
import { packageRoot } from '../util/version.ts'
import { type Label, nameOf, type ProtocolVersion } from './labels.ts'

export interface Sample {
  readonly timestampMs: number
  /** Start timestamp of the counter; 0 if the request has none. Protocol 1.0 has no field for it. */
  readonly startMs: number
  readonly bits: Float64Bits
}

/**
 * The eight bytes of a double in two halves. A stale marker is a signalling NaN, and JavaScript may turn a signalling
 * NaN into a quiet one when it becomes a number. `toNumber` converts.
 */
export interface Float64Bits {
  readonly low: number
  readonly high: number
}

export interface WriteRequestSeries {
  readonly labels: readonly Label[]
  readonly samples: readonly Sample[]
  /** Native histograms and exemplars are counted, not stored. */
  readonly histograms: number
  readonly exemplars: number
}

export interface Metadata {
  readonly type: (typeof metricTypes)[number]
  readonly help: string
  readonly unit: string
}

export interface WriteRequest {
  readonly version: ProtocolVersion
  readonly series: readonly WriteRequestSeries[]
  /** Metadata by family name. */
  readonly metadata: ReadonlyMap<string, Metadata>
}

export const isStale = ({ low, high }: Float64Bits): boolean => low === 2 && high === 0x7ff00000

export const sameBits = (left: Float64Bits, right: Float64Bits): boolean =>
  left.low === right.low && left.high === right.high

const view = new DataView(new ArrayBuffer(8))

export function toNumber({ low, high }: Float64Bits): number {
  view.setInt32(0, low, true)
  view.setInt32(4, high, true)
  return view.getFloat64(0, true)
}

/** Suffixes of the series of a family, by the family's type. */
export const seriesSuffixes: Readonly<Record<string, RegExp>> = {
  histogram: /_(?:bucket|sum|count)$/,
  summary: /_(?:sum|count)$/,
}

/** Decodes an uncompressed body. Throws an Error with the reason if the body is invalid. */
export type Decode = (version: ProtocolVersion, bytes: Uint8Array) => WriteRequest

/** Loads protobufjs with its parser of .proto files. Only the receiver needs the parser. */
export async function createDecoder(): Promise<Decode> {
  const { default: protobufjs } = await import('protobufjs')
  const writeRequest = messageType(protobufjs, 'remote-write-v1.proto', 'prometheus.WriteRequest')
  const request = messageType(protobufjs, 'remote-write-v2.proto', 'io.prometheus.write.v2.Request')
  return (version, bytes) =>
    version === 1
      ? fromV1(writeRequest.decode(bytes) as unknown as RawV1)
      : fromV2(request.decode(bytes) as unknown as RawV2)
}

const metricTypes = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
] as const

// Decoded messages of proto/, with each sample's value as bits.

interface RawSample {
  readonly value: Float64Bits
  readonly timestamp: Float64Bits
  readonly startTimestamp?: Float64Bits
}

interface RawV1 {
  readonly timeseries: readonly {
    readonly labels: readonly { readonly name: string; readonly value: string }[]
    readonly samples: readonly RawSample[]
    readonly exemplars: readonly unknown[]
    readonly histograms: readonly unknown[]
  }[]
  readonly metadata: readonly {
    readonly type: number
    readonly metricFamilyName: string
    readonly help: string
    readonly unit: string
  }[]
}

interface RawV2 {
  readonly symbols: readonly string[]
  readonly timeseries: readonly {
    readonly labelsRefs: readonly number[]
    readonly samples: readonly RawSample[]
    readonly exemplars: readonly unknown[]
    readonly histograms: readonly unknown[]
    readonly metadata: { readonly type: number; readonly helpRef: number; readonly unitRef: number } | null
  }[]
}

/** The type of the request. It reads a sample's `double value` as `fixed64`: the same eight bytes on the wire. */
function messageType({ parse, Field }: typeof protobuf, file: string, name: string): protobuf.Type {
  const { root } = parse(readFileSync(new URL(`proto/${file}`, packageRoot), 'utf8'))
  const request = root.lookupType(name)
  const sample = (request.parent as protobuf.Namespace).lookupType('Sample')
  sample.remove(sample.get('value') as protobuf.ReflectionObject)
  sample.add(new Field('value', 1, 'fixed64'))
  return request
}

function fromV1(raw: RawV1): WriteRequest {
  return {
    version: 1,
    series: raw.timeseries.map(({ labels, samples, histograms, exemplars }) => ({
      labels: labels.map(({ name, value }) => [name, value] as const),
      samples: samples.map(sampleOf),
      histograms: histograms.length,
      exemplars: exemplars.length,
    })),
    metadata: new Map(
      raw.metadata.map(({ type, metricFamilyName, help, unit }) => [
        metricFamilyName,
        { type: metricTypes[type] ?? 'unknown', help, unit },
      ]),
    ),
  }
}

function fromV2({ symbols, timeseries }: RawV2): WriteRequest {
  if (symbols[0] !== '') throw new Error('symbols: the first symbol is not empty')
  if (new Set(symbols).size !== symbols.length) throw new Error('symbols: duplicate symbol')
  const symbol = (ref: number): string => {
    const text = symbols[ref]
    if (text === undefined) throw new Error(`symbols: reference ${ref} is out of range, there are ${symbols.length}`)
    return text
  }
  const metadata = new Map<string, Metadata>()
  const series = timeseries.map(({ labelsRefs, metadata: meta, ...rest }) => {
    if (labelsRefs.length % 2 !== 0)
      throw new Error(`labels_refs: ${labelsRefs.length} references, the last name has no value`)
    if (rest.samples.length > 0 && rest.histograms.length > 0) throw new Error('series has both samples and histograms')
    const labels: Label[] = []
    for (let i = 0; i < labelsRefs.length; i += 2)
      labels.push([symbol(labelsRefs[i] as number), symbol(labelsRefs[i + 1] as number)])
    if (meta) {
      const type = metricTypes[meta.type] ?? 'unknown'
      const name = nameOf(labels)?.replace(seriesSuffixes[type] ?? '', '') ?? ''
      metadata.set(name, { type, help: symbol(meta.helpRef), unit: symbol(meta.unitRef) })
    }
    return {
      labels,
      samples: rest.samples.map(sampleOf),
      histograms: rest.histograms.length,
      exemplars: rest.exemplars.length,
    }
  })
  return { version: 2, series, metadata }
}

function sampleOf({ value, timestamp, startTimestamp }: RawSample): Sample {
  return {
    timestampMs: int64(timestamp),
    startMs: startTimestamp === undefined ? 0 : int64(startTimestamp),
    bits: { low: value.low, high: value.high },
  }
}

const int64 = ({ low, high }: Float64Bits): number => high * 2 ** 32 + (low >>> 0)
