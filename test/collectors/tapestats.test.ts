import assert from 'node:assert/strict'
import { test } from 'node:test'
import tapestats from '../../src/collectors/tapestats.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const stats = {
  in_flight: '1\n',
  io_ns: '9247011087720\n',
  other_cnt: '1409\n',
  read_byte_cnt: '979383912\n',
  read_cnt: '3741\n',
  read_ns: '63\n',
  resid_cnt: '19\n',
  write_byte_cnt: '1496246784000\n',
  write_cnt: '53772916\n',
  write_ns: '1000000001\n',
}
const tape = (name: string, tree: Parameters<typeof under>[1] = stats) => under(`class/scsi_tape/${name}/stats`, tree)

test('nanoseconds are multiplied; other names of a tape are not tapes', async () => {
  const sys = { ...tape('st0'), ...tape('nst0'), ...tape('st0a'), ...tape('st0m') }
  assert.deepEqual(await collect(tapestats, { sys }), [
    'node_tape_io_now{device="st0"} 1',
    'node_tape_io_others_total{device="st0"} 1409',
    'node_tape_io_time_seconds_total{device="st0"} 9247.01108772',
    'node_tape_read_bytes_total{device="st0"} 9.79383912e+08',
    'node_tape_read_time_seconds_total{device="st0"} 6.300000000000001e-08',
    'node_tape_reads_completed_total{device="st0"} 3741',
    'node_tape_residual_total{device="st0"} 19',
    'node_tape_write_time_seconds_total{device="st0"} 1.000000001',
    'node_tape_writes_completed_total{device="st0"} 5.3772916e+07',
    'node_tape_written_bytes_total{device="st0"} 1.496246784e+12',
  ])
})

test('a missing statistic is left out, an invalid one is a failure and does not hide others', async () => {
  const { io_ns: _, ...rest } = stats
  const sys = { ...tape('st0', { ...stats, in_flight: 'x' }), ...tape('st1', rest) }
  const { lines, success } = await collectAll(tapestats, { sys })
  assert.equal(success, false)
  assert.equal(lines.length, 18)
})

test('a tape without statistics is no data', async () => {
  const { success, logged } = await collectAll(tapestats, { sys: { 'class/scsi_tape/st0/dev': '9:0\n' } })
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})

test('ignored tapes are not read', async () => {
  const sys = { ...tape('st0'), ...tape('st1', { in_flight: 'x' }) }
  const { lines, success } = await collectAll(tapestats, { sys, options: { 'ignored-devices': '^st1$' } })
  assert.deepEqual([lines.length, success], [10, true])
})

test('a host without the class directory gives no data', async () => {
  assert.equal((await collectAll(tapestats)).success, false)
})
