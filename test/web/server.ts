import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import type { CollectionResult, SampleRange } from '../../src/collect/cycle.ts'
import { counter, type Family, gauge, type Labels } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { systemClock } from '../../src/util/clock.ts'
import type { Log } from '../../src/util/log.ts'
import { createWeb, type Web, type WebDeps, type WebOptions } from '../../src/web/index.ts'

export type Row = readonly [family: Family, value: number, labels?: Labels]

const duration = gauge('node_scrape_collector_duration_seconds', 'How long a collector took.', ['collector'])
const success = gauge('node_scrape_collector_success', 'Whether a collector succeeded.', ['collector'])

/** A collection result in the order of the agent: collector samples, scrape metrics, self metrics. */
export function cycleOf(
  collected: readonly (readonly [collector: string, rows: readonly Row[]])[],
  own: Row[] = [],
): CollectionResult {
  const builder = new SnapshotBuilder(new SeriesTable())
  const parts: SampleRange[] = []
  builder.begin()
  for (const [collector, rows] of collected) {
    const from = builder.count
    for (const row of rows) builder.add(...row)
    parts.push({ collector, from, to: builder.count })
  }
  for (const collector of new Set(collected.map(([name]) => name))) {
    builder.add(duration, 0.25, { collector })
    builder.add(success, 1, { collector })
  }
  for (const row of own) builder.add(...row)
  return { snapshot: builder.end(Date.now()), parts }
}

export const load1 = gauge('node_load1', 'Load average over one minute.')
export const cpu = counter('node_cpu_seconds_total', 'Seconds a CPU spent in each mode.', ['cpu', 'mode'])
export const nfs = counter('node_nfs_packets_total', 'Packets by protocol.', ['protocol'])
export const processCpu = counter('process_cpu_seconds_total', 'CPU time of this process.')
export const buildInfo = gauge('node_exporter_build_info', 'What this was built from.', ['version'])
export const up = gauge('up', 'Whether the agent is up.')

/** Two collectors with samples, one without, one with a late second part, and self metrics. */
export const host = (): CollectionResult =>
  cycleOf(
    [
      [
        'cpu',
        [
          [cpu, 4.5, { cpu: '0', mode: 'user' }],
          [cpu, 100, { cpu: '0', mode: 'idle' }],
        ],
      ],
      ['loadavg', [[load1, 0.21]]],
      ['nfs', []],
      ['cpu', [[cpu, 7, { cpu: '1', mode: 'user' }]]],
    ],
    [
      [up, 1],
      [processCpu, 12.5],
      [buildInfo, 1, { version: '1.2.3' }],
    ],
  )

/** A server on a free port, stopped at the end of the test. */
export async function serve(t: TestContext, options: Partial<WebOptions> = {}, deps: Partial<WebDeps> = {}) {
  const { log, lines } = recorded()
  const web = createWeb(
    {
      listenAddresses: ['127.0.0.1:0'],
      configFile: undefined,
      listenAddressesNamed: true,
      sockets: [],
      telemetryPath: '/metrics',
      maxRequests: 40,
      disableExporterMetrics: false,
      enableLifecycle: false,
      ...options,
    },
    {
      clock: systemClock,
      log,
      program: { name: 'hostpush', version: '1.2.3' },
      enabledCollectors: ['cpu', 'loadavg', 'nfs'],
      allCollectors: ['cpu', 'loadavg', 'nfs', 'wifi'],
      own: () => [],
      status: () => [],
      ...deps,
    },
  )
  t.after(() => web.stop(AbortSignal.abort()))
  const addresses = await web.listen()
  const port = Number(addresses[0]?.split(':').at(-1))
  return { web, addresses, port, logged: lines, get: (path: string, how?: How) => ask(port, path, how) }
}

interface How {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly text: string
}

export function ask(port: number, path: string, { method = 'GET', headers = {}, body }: How = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sized = body === undefined ? headers : { ...headers, 'content-length': String(body.length) }
    const asked = request({ host: '127.0.0.1', port, path, method, headers: sized }, (reply) => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk: Buffer) => chunks.push(chunk))
      reply.on('end', () => {
        const bytes = Buffer.concat(chunks)
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, bytes, text: bytes.toString() })
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** Waits until the server has finished every request for metrics: a client may finish before the server. */
export async function settled({ stats }: Web): Promise<void> {
  while (stats.inFlight > 0) await turn()
}

export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Sends raw bytes and returns everything received until the server closes. */
export function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

/** Sample lines without HELP and TYPE, and without Node's metrics, which differ between runs. */
export function samples(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !/^(?:#|nodejs_)/.test(line))
}

export function recorded(): { log: Log; lines: string[] } {
  const lines: string[] = []
  const at =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      const shown = Object.entries(fields).map(
        ([key, value]) => `${key}=${value instanceof Error ? value.message : value}`,
      )
      lines.push([level, message, ...shown].join(' '))
    }
  return { log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, lines }
}
