import { collectEach, collector, NoData } from '../collector.ts'
import { fields, lines } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const queues = gauge('node_udp_queues', 'Bytes in the queues of all UDP sockets.', ['queue', 'ip'])

const files = { 'net/udp': 'v4', 'net/udp6': 'v6' }

/** https://docs.kernel.org/networking/proc_net_tcp.html: the columns are those of TCP. */
export default collector({
  name: 'udp_queues',
  about: 'Reports the bytes in the receive and transmit queues of UDP sockets. Reads /proc/net/udp and /proc/net/udp6.',
  collect({ proc, emit }) {
    let found = false
    collectEach(Object.entries(files), ([file, ip]) => {
      const text = proc.readIfAny(file)
      if (text === undefined) return
      found = true
      const { tx, rx } = parseUdpQueues(text)
      emit(queues, tx, { queue: 'tx', ip })
      emit(queues, rx, { queue: 'rx', ip })
    })
    if (!found) throw new NoData('neither net/udp nor net/udp6 exists')
  },
})

/** Sums of the fifth column of all sockets, `tx:rx` in hexadecimal. */
export function parseUdpQueues(text: string): { readonly tx: number; readonly rx: number } {
  let [tx, rx] = [0, 0]
  for (const line of lines(text).slice(1)) {
    const [, sent, received] = /^([0-9A-F]+):([0-9A-F]+)$/i.exec(fields(line)[4] ?? '') ?? []
    if (sent === undefined || received === undefined)
      throw new Error(`udp: no tx_queue:rx_queue column in ${JSON.stringify(line.slice(0, 80))}`)
    tx += Number.parseInt(sent, 16)
    rx += Number.parseInt(received, 16)
  }
  return { tx, rx }
}
