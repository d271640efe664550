import { collector } from '../collector.ts'
import { gauge } from '../metrics/index.ts'

const info = gauge('node_network_route_info', 'A unicast route; the value is always 1.', [
  'device',
  'src',
  'dest',
  'gw',
  'priority',
  'proto',
  'weight',
])
const count = gauge('node_network_routes', 'Unicast routes by network interface.', ['device'])

const unicast = 1

/** RTPROT_…: include/uapi/linux/rtnetlink.h. */
const protocols: Readonly<Record<number, string>> = {
  0: 'unspec',
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  8: 'gated',
  9: 'ra',
  10: 'mrt',
  11: 'zebra',
  12: 'bird',
  13: 'dnrouted',
  14: 'xorp',
  15: 'ntk',
  16: 'dhcp',
  17: 'mrouted',
  42: 'babel',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
  189: 'rip',
  192: 'eigrp',
}

/** Routes of every table and address family: https://man7.org/linux/man-pages/man7/rtnetlink.7.html */
export default collector({
  name: 'network_route',
  about: 'Reports unicast routes and their number by interface. Reads them by netlink.',
  enabled: false,
  async collect({ kernel, emit }) {
    const counts = new Map<string, number>()
    const seen = new Set<string>()
    for (const route of await kernel.routes()) {
      if (route.type !== unicast) continue
      const { device } = route
      counts.set(device, (counts.get(device) ?? 0) + 1)
      const labels = {
        device,
        src: route.source,
        dest: route.destination,
        gw: route.gateway,
        priority: String(route.priority),
        proto: protocols[route.protocol] ?? 'unknown',
        weight: route.weight === undefined ? '' : String(route.weight),
      }
      // Two routing tables may contain the same route, and the table is not a label.
      const key = Object.values(labels).join('\0')
      if (!seen.has(key)) emit(info, 1, labels)
      seen.add(key)
    }
    for (const [device, routes] of counts) emit(count, routes, { device })
  },
})
