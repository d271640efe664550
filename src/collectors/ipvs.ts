import { collector, collectParts, requireValue, text } from '../collector.ts'
import { fields, lines, numberOf } from '../host/index.ts'

import { counter, gauge } from '../metrics/index.ts'

const totals = [
  counter('node_ipvs_connections_total', 'Connections made.'),
  counter('node_ipvs_incoming_packets_total', 'Packets received.'),
  counter('node_ipvs_outgoing_packets_total', 'Packets sent.'),
  counter('node_ipvs_incoming_bytes_total', 'Bytes received.'),
  counter('node_ipvs_outgoing_bytes_total', 'Bytes sent.'),
]

const backendLabels = ['local_address', 'local_port', 'remote_address', 'remote_port', 'proto', 'local_mark'] as const
type Label = (typeof backendLabels)[number]

/** https://docs.kernel.org/networking/ipvs-sysctl.html, ipvsadm(8) */
export default collector({
  name: 'ipvs',
  about:
    'Reports IPVS traffic, and the connections and weights of its backends. Reads /proc/net/ip_vs and /proc/net/ip_vs_stats.',
  options: {
    'backend-labels': text(backendLabels.join(','), 'Labels of the backends; backends with equal labels are summed.'),
  },
  state(options) {
    const chosen = options['backend-labels'].split(',').filter((name) => name !== '')
    const unknown = chosen.find((name) => !backendLabels.some((label) => label === name))
    if (unknown !== undefined) throw new Error(`ipvs: no label ${JSON.stringify(unknown)} for backends`)
    const labels = chosen as Label[]
    return {
      labels,
      active: gauge('node_ipvs_backend_connections_active', 'Connections that are open.', labels),
      inactive: gauge('node_ipvs_backend_connections_inactive', 'Connections that are closing or idle.', labels),
      weight: gauge('node_ipvs_backend_weight', 'Weight of the backend.', labels),
    }
  },
  collect({ proc, emit, state }) {
    const stats = requireValue(proc.readIfAny('net/ip_vs_stats'), 'IPVS')
    const emitTotals = () => {
      const values = parseStats(stats)
      for (const [i, family] of totals.entries()) emit(family, values[i])
    }
    const emitBackends = () => {
      // Backends are summed: a sum without the row that cannot be parsed would be wrong, so such a row fails them all.
      for (const { labels, weight, active, inactive } of summed(parseBackends(proc.read('net/ip_vs')), state.labels)) {
        emit(state.weight, weight, labels)
        emit(state.active, active, labels)
        emit(state.inactive, inactive, labels)
      }
    }
    collectParts(emitTotals, emitBackends)
  },
})

interface Counts {
  readonly weight: number
  readonly active: number
  readonly inactive: number
}

interface Backend extends Counts {
  readonly labels: { readonly [label in Label]: string }
}

/** Connections, packets in and out, bytes in and out since the module was loaded: the third line, in hexadecimal. */
export function parseStats(text: string): number[] {
  const words = fields(lines(text)[2] ?? '')
  if (words.length !== 5) throw new Error(`net/ip_vs_stats: ${words.length} totals, not 5`)
  return words.map((word) => numberOf(`0x${word}`, () => 'net/ip_vs_stats'))
}

/**
 *     TCP  C0A80016:0CEA wlc
 *       -> C0A85216:0CEA      Tunnel  100    248        2
 *
 * A service and its backends. A service for a firewall mark is `FWM  10001000 wlc` and has no address.
 */
export function* parseBackends(text: string): Generator<Backend> {
  let service = { proto: '', local_address: '', local_port: '0', local_mark: '' }
  for (const line of lines(text)) {
    const [first = '', second = '', , weight = '', active = '', inactive = ''] = fields(line)
    if (first === 'FWM') service = { proto: first, local_address: '', local_port: '0', local_mark: second }
    else if (/^(TCP|UDP|SCTP)$/.test(first)) {
      const [address, port] = parseAddress(second)
      service = { proto: first, local_address: address, local_port: port, local_mark: '' }
    } else if (first === '->' && second !== 'RemoteAddress:Port') {
      const [address, port] = parseAddress(second)
      const count = (word: string) => numberOf(word, () => `net/ip_vs: ${second}`)
      yield {
        labels: { ...service, remote_address: address, remote_port: port },
        weight: count(weight),
        active: count(active),
        inactive: count(inactive),
      }
    }
  }
}

/** `C0A80016:0CEA` is 192.168.0.22 and 3306; an IPv6 address is in brackets. */
export function parseAddress(text: string): [address: string, port: string] {
  const [, v4, v6, port] = /^(?:([0-9A-F]{8})|(\[[0-9A-F:]{39}\])):([0-9A-F]{4})$/i.exec(text) ?? []
  if (port === undefined) throw new Error(`net/ip_vs: ${JSON.stringify(text)} is not an address`)
  const address =
    v4 === undefined
      ? new URL(`http://${v6}`).hostname.slice(1, -1)
      : [0, 2, 4, 6].map((at) => Number.parseInt(v4.slice(at, at + 2), 16)).join('.')
  return [address, String(Number.parseInt(port, 16))]
}

function summed(backends: Iterable<Backend>, chosen: readonly Label[]): Iterable<Backend> {
  const sums = new Map<string, Backend>()
  for (const one of backends) {
    const key = chosen.map((label) => one.labels[label]).join('\0')
    const sum = sums.get(key)
    sums.set(key, {
      labels: one.labels,
      weight: one.weight + (sum?.weight ?? 0),
      active: one.active + (sum?.active ?? 0),
      inactive: one.inactive + (sum?.inactive ?? 0),
    })
  }
  return sums.values()
}
