import assert from 'node:assert/strict'
import { test } from 'node:test'
import drbd, { parseDrbd } from '../../src/collectors/drbd.ts'
import { collect, collectAll } from '../support/collect.ts'

test('KiB become bytes, except for network traffic; a device starts with a number and a colon', async () => {
  const text = `version: 8.4.5 (api:1/proto:86-101)
srcversion: 1A9F77B1CA5FF92235C2213

 0: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----
    ns:1 nr:2 dw:3 dr:4 al:5 bm:6 lo:7 pe:8 ua:9 ap:10 ep:11 wo:f oos:12
\t[>....................] sync'ed:  0.6% (5238784/5269504)K
\tfinish: 0:14:33 speed: 6,000 (5,120) K/sec
10: cs:Connected
`
  assert.deepEqual(await collect(drbd, { proc: { drbd: text } }), [
    'node_drbd_activitylog_writes_total{device="drbd0"} 5',
    'node_drbd_application_pending{device="drbd0"} 10',
    'node_drbd_bitmap_writes_total{device="drbd0"} 6',
    'node_drbd_connected{device="drbd0"} 0',
    'node_drbd_connected{device="drbd10"} 1',
    'node_drbd_disk_read_bytes_total{device="drbd0"} 4096',
    'node_drbd_disk_state_is_up_to_date{device="drbd0",node="local"} 1',
    'node_drbd_disk_state_is_up_to_date{device="drbd0",node="remote"} 0',
    'node_drbd_disk_written_bytes_total{device="drbd0"} 3072',
    'node_drbd_epochs{device="drbd0"} 11',
    'node_drbd_local_pending{device="drbd0"} 7',
    'node_drbd_network_received_bytes_total{device="drbd0"} 2',
    'node_drbd_network_sent_bytes_total{device="drbd0"} 1024',
    'node_drbd_node_role_is_primary{device="drbd0",node="local"} 1',
    'node_drbd_node_role_is_primary{device="drbd0",node="remote"} 0',
    'node_drbd_out_of_sync_bytes{device="drbd0"} 12288',
    'node_drbd_remote_pending{device="drbd0"} 8',
    'node_drbd_remote_unacknowledged{device="drbd0"} 9',
  ])
})

test('the first half of a pair describes the local node; an invalid number is a failure', async () => {
  const half = await collectAll(drbd, { proc: { drbd: ' 1: ro:Primary\n' } })
  assert.deepEqual([half.lines.length, half.success], [2, true])
  const { lines, success } = await collectAll(drbd, { proc: { drbd: ' 1: cs:Connected ns:x\n' } })
  assert.deepEqual([lines.length, success], [1, false])
})

test('a host without drbd gives no data, an empty file gives no devices', async () => {
  assert.equal(drbd.enabled, false)
  assert.equal((await collectAll(drbd)).success, false)
  assert.deepEqual((await collectAll(drbd, { proc: { drbd: '' } })).success, true)
})

test('words with no colon or with two colons are ignored', () => {
  assert.deepEqual([...parseDrbd('1: C a:b:c ns:5')], [{ device: 'drbd1', key: 'ns', value: '5' }])
})
