import { createReceiver, type Receiver, type Summary } from '../demo-receiver/receiver.ts'
import { type Flag, UsageError } from '../util/flags.ts'
import { plural } from '../util/plural.ts'
import type { Command, Terminal } from './command.ts'

const listen: Flag = {
  name: 'listen-address',
  kind: 'value',
  fallback: '127.0.0.1:9201',
  help: 'Where to receive; port 0 takes a free one.',
}

export default {
  name: 'receive',
  summary:
    'A small remote-write receiver: answers as a real one does, prints each request, serves what it got at /metrics.',
  usage: '[flags]',
  flags: () => [listen],
  async run({ flags }, terminal) {
    const address = String(flags.get(listen.name) ?? listen.fallback)
    const receiver = await receiverAt(address, (request) => terminal.out(lineOf(request)))
    terminal.out(`receiving at ${receiver.url}/api/v1/write; what came is at ${receiver.url}/metrics; Ctrl-C ends\n`)
    await stopped(terminal)
    await receiver.close()
    return 0
  },
} satisfies Command

/** Starts a receiver that tells of each request. */
export async function receiverAt(address: string, onRequest: (request: Summary) => void): Promise<Receiver> {
  const [, host = '', port = ''] = /^(\[.*\]|[^:]*):(\d+)$/.exec(address) ?? []
  if (port === '' || Number(port) > 65535) throw new UsageError(`--${listen.name}: ${address} is not HOST:PORT`)
  const options = { host: host.replace(/^\[|\]$/g, '') || '127.0.0.1', port: Number(port) }
  return createReceiver({ listen: options, onRequest })
}

export function lineOf(request: Summary): string {
  const what =
    request.samples === 0
      ? `metadata of ${request.metadata} families`
      : `${plural(request.samples, 'sample')} of ${request.series} series`
  const stale = request.stale === 0 ? '' : `, ${request.stale} series ended`
  const size = `${request.compressedBytes} bytes (${request.uncompressedBytes} before compression)`
  const problem = request.text === '' ? '' : `: ${request.text.trim().replace(/\p{Cc}/gu, '\uFFFD')}`
  return `request ${request.number}: ${what}${stale}, ${size} -> ${request.status}${problem}\n`
}

export function stopped({ stop }: Terminal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve()
    else stop.addEventListener('abort', () => resolve(), { once: true })
  })
}
