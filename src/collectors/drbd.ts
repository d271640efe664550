import { collectEach, collector, requireValue } from '../collector.ts'
import { fields, numberOf } from '../host/index.ts'

import { counter, type Family, gauge } from '../metrics/index.ts'

const make = (define: typeof gauge, key: string, name: string, help: string, scale = 1) =>
  [key, [define(`node_drbd_${name}`, help, ['device']), scale]] as const

/** https://docs.kernel.org/admin-guide/blockdev/drbd/ and drbd's user guide on /proc/drbd; sizes are in KiB. */
const numbers = new Map<string, readonly [family: Family<'device'>, scale: number]>([
  make(counter, 'ns', 'network_sent_bytes_total', 'Bytes sent to the other node.', 1024),
  // In KiB like `ns`, but not multiplied: node_exporter does not convert it.
  make(counter, 'nr', 'network_received_bytes_total', 'Received from the other node, in KiB.'),
  make(counter, 'dw', 'disk_written_bytes_total', 'Bytes written to the disk below.', 1024),
  make(counter, 'dr', 'disk_read_bytes_total', 'Bytes read from the disk below.', 1024),
  make(counter, 'al', 'activitylog_writes_total', 'Updates of the activity log.'),
  make(counter, 'bm', 'bitmap_writes_total', 'Updates of the bitmap.'),
  make(gauge, 'lo', 'local_pending', 'Requests that the disk below has not answered.'),
  make(gauge, 'pe', 'remote_pending', 'Requests that the other node has not answered.'),
  make(gauge, 'ua', 'remote_unacknowledged', 'Requests of the other node that are not answered.'),
  make(gauge, 'ap', 'application_pending', 'Requests of the layers above that are not answered.'),
  make(gauge, 'ep', 'epochs', 'Epochs of writes under way.'),
  make(gauge, 'oos', 'out_of_sync_bytes', 'Bytes that differ between the nodes.', 1024),
])
const pairs = new Map([
  [
    'ro',
    {
      family: gauge('node_drbd_node_role_is_primary', 'Whether the node is primary.', ['device', 'node']),
      good: 'Primary',
    },
  ],
  [
    'ds',
    {
      family: gauge('node_drbd_disk_state_is_up_to_date', "Whether the node's disk is up to date.", ['device', 'node']),
      good: 'UpToDate',
    },
  ],
])
const connected = gauge('node_drbd_connected', 'Whether the nodes are connected.', ['device'])

export default collector({
  name: 'drbd',
  about: 'Reports traffic, pending requests and states of DRBD 8 devices. Reads /proc/drbd.',
  enabled: false,
  collect({ proc, emit }) {
    collectEach(parseDrbd(requireValue(proc.readIfAny('drbd'), 'drbd')), ({ device, key, value }) => {
      const [family, scale] = numbers.get(key) ?? []
      if (family !== undefined) emit(family, numberOf(value, () => `drbd: ${key}`) * (scale ?? 1), { device })
      else if (key === 'cs') emit(connected, value === 'Connected' ? 1 : 0, { device })
      const pair = pairs.get(key)
      if (pair === undefined) return
      const [local, remote] = value.split('/')
      emit(pair.family, local === pair.good ? 1 : 0, { device, node: 'local' })
      emit(pair.family, remote === pair.good ? 1 : 0, { device, node: 'remote' })
    })
  },
})

/** Words `key:value` over several lines; the word `1:` starts the second device. */
export function* parseDrbd(text: string): Generator<{ device: string; key: string; value: string }> {
  let device = 'unknown'
  for (const word of fields(text)) {
    const [key, value, more] = word.split(':')
    if (key === undefined || value === undefined || more !== undefined) continue
    if (value === '' && /^\d+$/.test(key)) device = `drbd${key}`
    else yield { device, key, value }
  }
}
