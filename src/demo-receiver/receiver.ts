import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { systemClock } from '../util/clock.ts'
import { type Log, report, silent } from '../util/log.ts'
import { createDecoder, isStale, type Metadata } from './decode.ts'
import { expositionText } from './exposition.ts'
import type { ProtocolVersion } from './labels.ts'
import { messages } from './messages.ts'
import { type BodyLimits, type ParsedRequest, parseRequest, readBody } from './request.ts'
import { type LatestSample, type LedgerEntry, Store, type WriteResult } from './store.ts'

export interface ReceiverOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly log?: Log
  /** Called after each write request that was answered. */
  readonly onRequest?: (request: RequestSummary) => void
  /** Answers a write request in place of the receiver: tests inject faults here. */
  readonly intercept?: Intercept
  /** Keeps every accepted sample in memory without a limit: for tests. */
  readonly ledger?: boolean
  readonly limits?: BodyLimits
}

/** `accept` stores the samples and returns the receiver's own reply. Returning undefined sends no reply. */
export type Intercept = (request: InterceptedRequest, accept: () => Reply) => Promise<Reply | undefined>

export interface InterceptedRequest {
  /** Counts write requests from 1. */
  readonly number: number
  readonly headers: IncomingHttpHeaders
  readonly socket: Socket
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly text: string
}

/** One write request and the receiver's reply. */
export interface RequestSummary {
  readonly number: number
  readonly version: ProtocolVersion | undefined
  readonly status: number
  readonly text: string
  readonly series: number
  readonly samples: number
  /** Samples that are stale markers. */
  readonly stale: number
  /** Families with metadata. */
  readonly metadata: number
  readonly compressedBytes: number
  readonly uncompressedBytes: number
  readonly newestMs: number | undefined
  readonly headers: IncomingHttpHeaders
}

export interface Receiver {
  readonly url: string
  readonly port: number
  readonly stats: { readonly requests: number; readonly compressedBytes: number; readonly uncompressedBytes: number }
  readonly metadata: ReadonlyMap<string, Metadata>
  readonly ledger: readonly LedgerEntry[]
  latest(): Iterable<[series: string, latest: LatestSample]>
  /** `series` in the text format: `up{job="node"}`. */
  get(series: string): LatestSample | undefined
  close(): Promise<void>
}

const writePaths = new Set(['/api/v1/write', '/api/v1/push', '/api/prom/push', '/api/v1/receive'])

const MiB = 2 ** 20

const defaultLimits: BodyLimits = { compressedBytes: 32 * MiB, uncompressedBytes: 128 * MiB }
const storeLimits = { maxSeries: 100_000, maxFutureMs: 600_000 }
const textFormat = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }

/**
 * A small remote-write receiver. It stores the newest sample of each series under Prometheus's rules, reports each
 * request to `onRequest`, and serves the stored samples at /metrics. The promise resolves when it listens.
 */
export async function createReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { listen, intercept, onRequest, log = silent, limits = defaultLimits } = options
  const store = new Store(storeLimits, options.ledger ?? false)
  const stats = { requests: 0, compressedBytes: 0, uncompressedBytes: 0 }
  const decode = await createDecoder()

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      report(log, messages.requestFailed, { err: error })
      request.destroy()
    })
  })
  server.keepAliveTimeout = 300_000

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request
    const path = url.replace(/\?.*/, '')
    if (path === '/metrics' && method === 'GET')
      send(response, { status: 200, headers: textFormat, text: expositionText(store) })
    else if (path === '/-/healthy' && method === 'GET') send(response, { status: 200, text: 'healthy\n' })
    else if (!writePaths.has(path)) send(response, { status: 404, text: `${path} does not exist: use /api/v1/write\n` })
    else if (method !== 'POST') send(response, { status: 405, headers: { allow: 'POST' }, text: 'use POST\n' })
    else await handleWrite(request, response)
  }

  async function handleWrite(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const number = ++stats.requests
    const { headers, socket } = request
    const body = await readBody(request, limits.compressedBytes)
    const parsed = parseRequest({ headers, body }, decode, limits)
    stats.compressedBytes += parsed.compressedBytes
    stats.uncompressedBytes += parsed.uncompressedBytes
    const accept = () => replyTo(parsed)
    const reply = intercept ? await intercept({ number, headers, socket }, accept) : accept()
    if (reply === undefined) return
    onRequest?.({ number, status: reply.status, text: reply.text.trim(), headers, ...summaryOf(parsed) })
    send(response, reply)
  }

  function replyTo({ version, request, rejection }: ParsedRequest): Reply {
    const result = request && store.write(request, systemClock.now())
    const text = rejection?.text ?? result?.problems.join('; ') ?? ''
    const status = rejection?.status ?? (text === '' ? 204 : 400)
    return { status, headers: version === 2 ? writtenHeaders(result) : {}, text: text === '' ? '' : `${text}\n` }
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(listen.port, listen.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`,
    port,
    stats,
    metadata: store.metadata,
    get ledger() {
      return store.ledger
    },
    latest: () => store.latest(),
    get: (series) => store.get(series),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function writtenHeaders(result: WriteResult | undefined): Record<string, string> {
  return {
    'x-prometheus-remote-write-samples-written': String(result?.samples ?? 0),
    'x-prometheus-remote-write-histograms-written': String(result?.histograms ?? 0),
    'x-prometheus-remote-write-exemplars-written': String(result?.exemplars ?? 0),
  }
}

function summaryOf({ version, request, compressedBytes, uncompressedBytes }: ParsedRequest) {
  const series = request?.series ?? []
  let samples = 0
  let stale = 0
  let newestMs: number | undefined
  for (const one of series)
    for (const { bits, timestampMs } of one.samples) {
      samples++
      if (isStale(bits)) stale++
      newestMs = Math.max(newestMs ?? timestampMs, timestampMs)
    }
  const metadata = request?.metadata.size ?? 0
  return { version, series: series.length, samples, stale, metadata, newestMs, compressedBytes, uncompressedBytes }
}

function send(response: ServerResponse, { status, headers = {}, text }: Reply): void {
  const length = status === 204 || status === 304 ? {} : { 'content-length': String(Buffer.byteLength(text)) }
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...length, ...headers })
  response.end(text)
}
