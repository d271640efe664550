import { collector } from '../collector.ts'
import type { AddressFamily } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const states = gauge('node_tcp_connection_states', 'TCP sockets by state, and bytes in their queues.', ['state'])

/** Names of the states in the order of the kernel's numbers, from 1: include/net/tcp_states.h. */
const names = [
  'established',
  'syn_sent',
  'syn_recv',
  'fin_wait1',
  'fin_wait2',
  'time_wait',
  'close',
  'close_wait',
  'last_ack',
  'listen',
  'closing',
]

/** https://man7.org/linux/man-pages/man7/sock_diag.7.html */
export default collector({
  name: 'tcpstat',
  about: 'Counts TCP sockets by state, and the bytes in their queues. Reads them by netlink.',
  enabled: false,
  async collect({ kernel, proc, emit }) {
    const families: readonly AddressFamily[] = proc.exists('net/tcp6') ? ['ipv4', 'ipv6'] : ['ipv4']
    const found = await Promise.all(families.map((family) => kernel.sockets(family)))
    const sum = (of: (sockets: (typeof found)[number]) => number) => found.reduce((all, one) => all + of(one), 0)
    names.forEach((state, i) => {
      const count = sum((sockets) => sockets.states.get(i + 1) ?? 0)
      if (count > 0) emit(states, count, { state })
    })
    emit(
      states,
      sum((sockets) => sockets.receiveQueue),
      { state: 'rx_queued_bytes' },
    )
    emit(
      states,
      sum((sockets) => sockets.sendQueue),
      { state: 'tx_queued_bytes' },
    )
  },
})
