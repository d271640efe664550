import { createReceiver, type Receiver, type RequestSummary } from '../demo-receiver/index.ts'
import { type Flag, UsageError } from '../util/flags.ts'
import { plural } from '../util/plural.ts'
import type { Command, Terminal } from './command.ts'

const listen: Flag = {
  name: 'listen-address',
  kind: 'value',
  value: 'HOST:PORT',
  fallback: '127.0.0.1:9201',
  help: 'Address to listen on. Port 0 selects a free port.',
}

export default {
  name: 'receive',
  summary:
    'Starts a small remote-write receiver for tests: prints each request and serves the received samples at /metrics.',
  usage: '[flags]',
  examples: [
    ['Receive on the default port', 'hostpush receive'],
    [
      'Push one sample to it from another terminal',
      `echo 'answer 42' | hostpush push --job=test --remote-write.url=http://127.0.0.1:9201/api/v1/write`,
    ],
  ],
  flags: () => [listen],
  stops: 'itself',
  async run({ flags }, terminal) {
    const address = String(flags.get(listen.name) ?? listen.fallback)
    const receiver = await receiverAt(address, (request) => terminal.out(summaryLine(request)))
    terminal.out(
      `receiving at ${receiver.url}/api/v1/write; samples at ${receiver.url}/metrics; press Ctrl-C to stop\n`,
    )
    await stopped(terminal)
    await receiver.close()
    return 0
  },
} satisfies Command

/** Starts a receiver that reports each request to `onRequest`. */
export async function receiverAt(address: string, onRequest: (request: RequestSummary) => void): Promise<Receiver> {
  const [, host = '', port = ''] = /^(\[.*\]|[^:]*):(\d+)$/.exec(address) ?? []
  if (port === '' || Number(port) > 65535) throw new UsageError(`--${listen.name}: ${address} is not HOST:PORT`)
  const options = { host: host.replace(/^\[|\]$/g, '') || '127.0.0.1', port: Number(port) }
  return createReceiver({ listen: options, onRequest })
}

export function summaryLine(request: RequestSummary): string {
  const content =
    request.samples === 0
      ? `metadata of ${request.metadata} families`
      : `${plural(request.samples, 'sample')} of ${request.series} series`
  const stale = request.stale === 0 ? '' : `, ${plural(request.stale, 'stale marker')}`
  const size = `${request.compressedBytes} bytes (${request.uncompressedBytes} before compression)`
  const problem = request.text === '' ? '' : `: ${request.text.trim().replace(/\p{Cc}/gu, '\uFFFD')}`
  return `request ${request.number}: ${content}${stale}, ${size} -> ${request.status}${problem}\n`
}

export function stopped({ stop }: Terminal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve()
    else stop.addEventListener('abort', () => resolve(), { once: true })
  })
}
