import { readFileSync } from 'node:fs'
import type protobuf from 'protobufjs'
import { packageRoot } from '../util/version.ts'
import { nameOf, type Pair, type Version } from './labels.ts'

export interface Sample {
  readonly timestampMs: number
  /** When the counter began at zero; 0 where the sender does not say (in 1.0 it cannot). */
  readonly startMs: number
  readonly bits: Bits
}

/**
 * The eight bytes of a double in two halves. A stale marker is a signalling NaN, and JavaScript may quieten one as
 * soon as it is a number: so it is none until somebody asks for `numberOf`.
 */
export interface Bits {
  readonly low: number
  readonly high: number
}

export interface IncomingSeries {
  readonly labels: readonly Pair[]
  readonly samples: readonly Sample[]
  /** Native histograms and exemplars are counted, not kept. */
  readonly histograms: number
  readonly exemplars: number
}

export interface Metadata {
  readonly type: (typeof metricTypes)[number]
  readonly help: string
  readonly unit: string
}

export interface Incoming {
  readonly version: Version
  readonly series: readonly IncomingSeries[]
  /** By family. */
  readonly metadata: ReadonlyMap<string, Metadata>
}

export const isStale = ({ low, high }: Bits): boolean => low === 2 && high === 0x7ff00000

export const sameBits = (left: Bits, right: Bits): boolean => left.low === right.low && left.high === right.high

const view = new DataView(new ArrayBuffer(8))

export function numberOf({ low, high }: Bits): number {
  view.setInt32(0, low, true)
  view.setInt32(4, high, true)
  return view.getFloat64(0, true)
}

/** What the series of a family append to its name, by its type. */
export const suffixes: Readonly<Record<string, RegExp>> = {
  histogram: /_(?:bucket|sum|count)$/,
  summary: /_(?:sum|count)$/,
}

/** Takes the body of a request without its compression; throws an Error that says what is wrong with it. */
export type Decode = (version: Version, bytes: Uint8Array) => Incoming

/** Loads the library with the parser of .proto files, which nobody but a receiver needs. */
export async function createDecoder(): Promise<Decode> {
  const { default: library } = await import('protobufjs')
  const writeRequest = requestIn(library, 'remote-write-v1.proto', 'prometheus.WriteRequest')
  const request = requestIn(library, 'remote-write-v2.proto', 'io.prometheus.write.v2.Request')
  return (version, bytes) =>
    version === 1
      ? incomingV1(writeRequest.decode(bytes) as unknown as RawV1)
      : incomingV2(request.decode(bytes) as unknown as RawV2)
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

// What the messages of proto/ decode to, with the samples' values as their bits.

interface RawSample {
  readonly value: Bits
  readonly timestamp: Bits
  readonly startTimestamp?: Bits
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

/** The request's message; a sample's `double value` is read as `fixed64`, the same eight bytes on the wire. */
function requestIn({ parse, Field }: typeof protobuf, file: string, name: string): protobuf.Type {
  const { root } = parse(readFileSync(new URL(`proto/${file}`, packageRoot), 'utf8'))
  const request = root.lookupType(name)
  const sample = (request.parent as protobuf.Namespace).lookupType('Sample')
  sample.remove(sample.get('value') as protobuf.ReflectionObject)
  sample.add(new Field('value', 1, 'fixed64'))
  return request
}

function incomingV1(raw: RawV1): Incoming {
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

function incomingV2({ symbols, timeseries }: RawV2): Incoming {
  if (symbols[0] !== '') throw new Error('symbols: the first one is not empty')
  if (new Set(symbols).size !== symbols.length) throw new Error('symbols: one of them is there twice')
  const symbol = (ref: number): string => {
    const text = symbols[ref]
    if (text === undefined) throw new Error(`symbols: ${ref} is not one of ${symbols.length}`)
    return text
  }
  const metadata = new Map<string, Metadata>()
  const series = timeseries.map(({ labelsRefs, metadata: meta, ...rest }) => {
    if (labelsRefs.length % 2 !== 0)
      throw new Error(`labels_refs: ${labelsRefs.length} of them, a name without a value`)
    if (rest.samples.length > 0 && rest.histograms.length > 0) throw new Error('samples and histograms in one series')
    const labels: Pair[] = []
    for (let i = 0; i < labelsRefs.length; i += 2)
      labels.push([symbol(labelsRefs[i] as number), symbol(labelsRefs[i + 1] as number)])
    if (meta) {
      const type = metricTypes[meta.type] ?? 'unknown'
      const name = nameOf(labels)?.replace(suffixes[type] ?? '', '') ?? ''
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
    timestampMs: wide(timestamp),
    startMs: startTimestamp === undefined ? 0 : wide(startTimestamp),
    bits: { low: value.low, high: value.high },
  }
}

const wide = ({ low, high }: Bits): number => high * 2 ** 32 + (low >>> 0)
