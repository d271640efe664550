import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import protobuf from 'protobufjs'
import { compress } from 'snappyjs'
import { packageRoot } from '../../src/util/version.ts'

const protoFile = (name: string): protobuf.Root =>
  protobuf.parse(readFileSync(new URL(`proto/${name}`, packageRoot), 'utf8'), { keepCase: true }).root

export const v1 = protoFile('remote-write-v1.proto')
export const v2 = protoFile('remote-write-v2.proto')

/** The two halves of a stale marker: as a number it would lose its bits. */
export const stale = { low: 2, high: 0x7ff00000 }

/** `[labels, samples]`; a sample is `[value, timestamp]`. */
export type Line = readonly [labels: Readonly<Record<string, string>>, ...samples: (readonly [number, number])[]]

/** A compressed 1.0 body. */
export function bodyV1(lines: readonly Line[], metadata: readonly object[] = []): Buffer {
  const timeseries = lines.map(([labels, ...samples]) => ({
    labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
    samples: samples.map(([value, timestamp]) => ({ value, timestamp })),
  }))
  return pack(v1.lookupType('prometheus.WriteRequest'), { timeseries, metadata })
}

export const pack = (type: protobuf.Type, message: object): Buffer =>
  compress(Buffer.from(type.encode(type.create(message)).finish()))

/** A compressed 2.0 body with a symbol table. */
export function bodyV2(lines: readonly Line[], metadata?: { type: number; help: string }): Buffer {
  const symbols = ['']
  const ref = (text: string): number => {
    if (!symbols.includes(text)) symbols.push(text)
    return symbols.indexOf(text)
  }
  const timeseries = lines.map(([labels, ...samples]) => ({
    labels_refs: Object.entries(labels).flatMap(([name, value]) => [ref(name), ref(value)]),
    samples: samples.map(([value, timestamp]) => ({ value, timestamp, start_timestamp: 1 })),
    ...(metadata && { metadata: { type: metadata.type, help_ref: ref(metadata.help) } }),
  }))
  return pack(v2.lookupType('io.prometheus.write.v2.Request'), { symbols, timeseries })
}

export const headersV1 = {
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'user-agent': 'test/1',
  'x-prometheus-remote-write-version': '0.1.0',
}

export const headersV2 = {
  ...headersV1,
  'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
  'x-prometheus-remote-write-version': '2.0.0',
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

export interface Send {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
}

/** Sends one HTTP request on a new connection. Headers are sent exactly as given. */
export function send(url: string, { method = 'POST', headers = headersV1, body, signal }: Send = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false, ...(signal && { signal }) }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      )
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
