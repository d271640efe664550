import { collector, pattern, text } from '../collector.ts'
import type { Qdisc } from '../host/index.ts'
import { counter, filterOf, gauge, type Pattern } from '../metrics/index.ts'

const labels = ['device', 'kind'] as const
const statistics = [
  [counter('node_qdisc_bytes_total', 'Bytes that a queueing discipline has sent.', labels), 'bytes'],
  [counter('node_qdisc_packets_total', 'Packets that a queueing discipline has sent.', labels), 'packets'],
  [counter('node_qdisc_drops_total', 'Packets that a queueing discipline has dropped.', labels), 'drops'],
  [counter('node_qdisc_requeues_total', 'Packets that were put back into the queue.', labels), 'requeues'],
  [counter('node_qdisc_overlimits_total', 'Packets that were over the limit.', labels), 'overlimits'],
  [gauge('node_qdisc_current_queue_length', 'Packets in the queue.', labels), 'queueLength'],
  [gauge('node_qdisc_backlog', 'Bytes in the queue.', labels), 'backlog'],
] as const

/** Queueing disciplines: https://man7.org/linux/man-pages/man8/tc.8.html */
export default collector({
  name: 'qdisc',
  about: 'Reports bytes, packets, drops and backlog of queueing disciplines. Reads them by netlink.',
  enabled: false,
  options: {
    'device-include': pattern('', 'Devices to report.'),
    'device-exclude': pattern('', 'Devices to exclude.'),
    fixtures: text('', 'Directory with results.json to read instead of querying the kernel; for tests.'),
    'old-device-include': pattern('', 'Deprecated: use device-include.', {
      hidden: true,
      flag: 'qdisk.device-include',
    }),
    'old-device-exclude': pattern('', 'Deprecated: use device-exclude.', {
      hidden: true,
      flag: 'qdisk.device-exclude',
    }),
  },
  state: (options) => {
    const either = (current: Pattern, former: Pattern) => (former.source === '' ? current : former)
    const include = either(options['device-include'], options['old-device-include'])
    const exclude = either(options['device-exclude'], options['old-device-exclude'])
    return { isIncluded: filterOf(include, exclude) }
  },
  async collect({ kernel, dirAt, emit, options, state, interfaces }) {
    const { fixtures } = options
    const found = fixtures === '' ? await kernel.qdiscs() : parseQdiscs(dirAt(fixtures).read('results.json'))
    for (const qdisc of found) {
      const { device, kind } = qdisc
      if (qdisc.parent !== 0 || !interfaces(device) || !state.isIncluded(device)) continue
      for (const [family, key] of statistics) emit(family, qdisc[key], { device, kind })
    }
  },
})

/** Parses the file of node_exporter's end-to-end test; a missing value is 0. */
export function parseQdiscs(json: string): Qdisc[] {
  return (JSON.parse(json) as Record<string, unknown>[]).map((fixture) => {
    const number = (key: string) => Number(fixture[key] ?? 0)
    return {
      device: String(fixture.IfaceName ?? ''),
      kind: String(fixture.Kind ?? ''),
      parent: number('Parent'),
      bytes: number('Bytes'),
      packets: number('Packets'),
      drops: number('Drops'),
      requeues: number('Requeues'),
      overlimits: number('Overlimits'),
      queueLength: number('Qlen'),
      backlog: number('Backlog'),
    }
  })
}
