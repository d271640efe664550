import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { connect } from '../../src/http/transport/connection.ts'
import { counter, gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { Gateway } from '../../src/pushgateway/gateway.ts'
import type { GatewayOptions } from '../../src/pushgateway/options.ts'
import { systemClock } from '../../src/util/clock.ts'
import { createLog } from '../../src/util/log.ts'
import { eventually } from '../support/servers.ts'

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The body before compression. */
  readonly body: string
}

/** Response to a request: status and text, or none. */
export type Answer = readonly [status: number, body?: string, headers?: Record<string, string>] | 'reset' | 'hang'

/** A gateway that answers as scripted, and 200 after that. */
export async function startGateway(t: TestContext, answer: (request: Request, number: number) => Answer | undefined) {
  const requests: Request[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request
    const bytes = Buffer.concat(await request.toArray())
    const body = headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
    const seen = { method, path, headers, body: body.toString() }
    requests.push(seen)
    const said = answer(seen, requests.length) ?? [200]
    if (said === 'reset') request.socket.destroy()
    else if (said !== 'hang') response.writeHead(said[0], said[2]).end(said[1])
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

export const temperature = gauge('temperature', 'Degrees.', ['room'])
export const doors = counter('doors_total', 'Doors opened.')
export const up = gauge('up', 'Up.')

/** An output that retries without delay, and such a gateway. */
export async function scene(
  t: TestContext,
  answer: (request: Request, number: number) => Answer | undefined = () => undefined,
  more: Partial<GatewayOptions> = {},
  identity: Record<string, string> = { job: 'node', instance: 'h' },
) {
  const { url, requests } = await startGateway(t, answer)
  const lines: string[] = []
  const options = {
    name: 'default',
    url: new URL(url),
    headers: () => ({}),
    timeoutMs: 20_000,
    backoff: { minMs: 5, maxMs: 20 },
    job: 'node',
    groupingKey: { instance: 'h' },
    method: 'PUT',
    intervalMs: 0,
    deleteOnStart: false,
    deleteOnShutdown: false,
    ...more,
  } as const satisfies GatewayOptions
  const gateway = new Gateway(options, {
    clock: systemClock,
    log: createLog('debug', 'logfmt', (line) => lines.push(line), Date.now),
    sender: await connect(url),
    userAgent: 'test/1',
  })
  t.after(() => gateway.stop(AbortSignal.abort()))
  const builder = new SnapshotBuilder(new SeriesTable(identity))
  let timestampMs = Date.now() - 60_000
  return {
    gateway,
    requests,
    lines,
    warnings: () => lines.filter((line) => /level=(WARN|ERROR)/.test(line)),
    /** A snapshot of these values with the label `room`. */
    notify(rooms: Record<string, number>, afterMs = 1000) {
      builder.begin()
      for (const [room, value] of Object.entries(rooms)) builder.add(temperature, value, { room })
      builder.add(doors, 7)
      builder.add(up, 1)
      gateway.onSnapshot({ snapshot: builder.end((timestampMs += afterMs)) })
    },
  }
}

export const until = (what: () => boolean) => eventually(async () => what(), Boolean, 5000)
