import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Clock, systemClock } from '../util/clock.ts'
import { type Log, silent } from '../util/log.ts'
import { createDecoder, isStale, type Metadata } from './decode.ts'
import type { Version } from './labels.ts'
import { page } from './page.ts'
import { bodyOf, type Limits, type Reading, read } from './request.ts'
import { type Latest, type LedgerEntry, Store, type Written } from './store.ts'

export interface ReceiverOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly log?: Log
  readonly clock?: Clock
  /** Called with each write request that has come in whole; what it gives replaces the honest answer. */
  readonly faultPlan?: (number: number, headers: IncomingHttpHeaders) => FaultPlan | undefined
  readonly onRequest?: (summary: Summary) => void
  /** Keeps every accepted sample: for tests, because it grows without end. */
  readonly ledger?: boolean
  readonly maxSeries?: number
  readonly limits?: Limits
  readonly maxFutureMs?: number
}

/** How to treat one request. Without a word on the fate of its samples, they are taken only if they seem to be. */
export interface FaultPlan {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly delayMs?: number
  /** Cuts the connection instead of answering: before the samples are taken, or after. */
  readonly reset?: 'before' | 'after'
  /** Never answers. */
  readonly hang?: boolean
  /** Whether the samples are taken, whatever is answered. */
  readonly commit?: boolean
}

/** One write request as the receiver saw it. */
export interface Summary {
  readonly number: number
  readonly version: Version | undefined
  /** What was answered, or why there was no answer. */
  readonly status: number | 'reset' | 'hang'
  readonly text: string
  readonly series: number
  readonly samples: number
  readonly stale: number
  readonly metadata: number
  readonly compressedBytes: number
  readonly uncompressedBytes: number
  /** The newest timestamp in it. */
  readonly newestMs: number | undefined
  readonly headers: IncomingHttpHeaders
}

export interface Receiver {
  readonly url: string
  readonly port: number
  readonly stats: { readonly requests: number; readonly compressedBytes: number; readonly uncompressedBytes: number }
  readonly metadata: ReadonlyMap<string, Metadata>
  readonly ledger: readonly LedgerEntry[]
  latest(): Iterable<[series: string, latest: Latest]>
  /** `series` as the text format writes it: `up{job="node"}`. */
  get(series: string): Latest | undefined
  close(): Promise<void>
}

const writePaths = new Set(['/api/v1/write', '/api/v1/push', '/api/prom/push', '/api/v1/receive'])

const MiB = 2 ** 20

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly text: string
}

const nothingTaken: Answer = { status: 204, text: '' }
const ownLimits: Limits = { compressedBytes: 32 * MiB, uncompressedBytes: 128 * MiB }
const textFormat = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }

/**
 * A small remote-write receiver: remembers the newest sample of each series under Prometheus's rules, tells of each
 * request, and shows what it has as text on /metrics. Listens when the promise resolves.
 */
export async function createReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { listen, clock = systemClock, faultPlan, onRequest, log = silent } = options
  const { maxSeries = 100_000, maxFutureMs = 600_000, limits = ownLimits } = options
  const store = new Store({ maxSeries, maxFutureMs }, options.ledger ?? false)
  const stats = { requests: 0, compressedBytes: 0, uncompressedBytes: 0 }
  const closing = new AbortController()
  const decode = await createDecoder()

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      log.debug('receive: request broken off', { error })
      request.destroy()
    })
  })
  server.keepAliveTimeout = 300_000

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '' } = request
    const path = url.replace(/\?.*/, '')
    if (path === '/metrics' && method === 'GET') send(response, { status: 200, headers: textFormat, text: page(store) })
    else if (path === '/-/healthy' && method === 'GET') send(response, { status: 200, text: 'healthy\n' })
    else if (!writePaths.has(path))
      send(response, { status: 404, text: `${path} is not here; write to /api/v1/write\n` })
    else if (method !== 'POST') send(response, { status: 405, headers: { allow: 'POST' }, text: 'POST it\n' })
    else await write(request, response)
  }

  async function write(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const number = ++stats.requests
    const { headers } = request
    const body = await bodyOf(request, limits.compressedBytes)
    const reading = read({ headers, body }, decode, limits)
    stats.compressedBytes += reading.compressedBytes
    stats.uncompressedBytes += reading.uncompressedBytes
    const behaviour = faultPlan?.(number, headers) ?? {}
    if (behaviour.delayMs !== undefined) await clock.sleep(behaviour.delayMs, closing.signal)
    const answer = scripted(behaviour, commits(behaviour) ? judge(reading) : nothingTaken)
    const status = behaviour.hang ? 'hang' : behaviour.reset ? 'reset' : answer.status
    onRequest?.({ number, status, text: answer.text.trim(), headers, ...summed(reading) })
    if (status === 'reset') request.socket.destroy()
    else if (status !== 'hang') send(response, answer)
  }

  function judge({ version, incoming, refusal }: Reading): Answer {
    const written = incoming && store.take(incoming, clock.now())
    const text = refusal?.text ?? written?.problems.join('; ') ?? ''
    const status = refusal?.status ?? (text === '' ? 204 : 400)
    return { status, headers: version === 2 ? writtenHeaders(written) : {}, text: text === '' ? '' : `${text}\n` }
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
        closing.abort()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Samples are taken unless the answer seems to say that they were not. */
function commits({ commit, status, reset, hang = false }: FaultPlan): boolean {
  return commit ?? (status === undefined && reset !== 'before' && !hang)
}

function scripted({ status, headers = {}, body }: FaultPlan, honest: Answer): Answer {
  if (status === undefined) return { ...honest, headers: { ...honest.headers, ...headers }, text: body ?? honest.text }
  return { status, headers, text: body ?? '' }
}

function writtenHeaders(written: Written | undefined): Record<string, string> {
  return {
    'x-prometheus-remote-write-samples-written': String(written?.samples ?? 0),
    'x-prometheus-remote-write-histograms-written': String(written?.histograms ?? 0),
    'x-prometheus-remote-write-exemplars-written': String(written?.exemplars ?? 0),
  }
}

function summed({ version, incoming, compressedBytes, uncompressedBytes }: Reading) {
  const series = incoming?.series ?? []
  let samples = 0
  let stale = 0
  let newestMs: number | undefined
  for (const one of series)
    for (const { bits, timestampMs } of one.samples) {
      samples++
      if (isStale(bits)) stale++
      newestMs = Math.max(newestMs ?? timestampMs, timestampMs)
    }
  const metadata = incoming?.metadata.size ?? 0
  return { version, series: series.length, samples, stale, metadata, newestMs, compressedBytes, uncompressedBytes }
}

function send(response: ServerResponse, { status, headers = {}, text }: Answer): void {
  const length = status === 204 || status === 304 ? {} : { 'content-length': String(Buffer.byteLength(text)) }
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...length, ...headers })
  response.end(text)
}
