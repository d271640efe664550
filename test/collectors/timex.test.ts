import assert from 'node:assert/strict'
import { test } from 'node:test'
import timex from '../../src/collectors/timex.ts'
import { failure } from '../../src/host/syscall/ffi.ts'
import { timexOf } from '../../src/host/syscall/timex.ts'
import { collect, collectAll } from '../support/collect.ts'

/** A `struct timex` with a different value in each field. */
function clock(state: number, status: number) {
  const bytes = Buffer.alloc(208)
  const longs = { 8: -1500, 16: -65536, 24: 500_000, 32: 16_000_000, 48: 7, 88: 10_000, 96: 131072, 104: 2500 }
  for (const [at, value] of Object.entries(longs)) bytes.writeBigInt64LE(BigInt(value), Number(at))
  for (const [i, at] of [120, 128, 136, 144, 152].entries()) bytes.writeBigInt64LE(BigInt(i + 1), at)
  bytes.writeInt32LE(status, 40)
  bytes.writeInt32LE(4, 112)
  bytes.writeInt32LE(37, 160)
  return { kernel: { adjtimex: async () => timexOf(state, bytes) } }
}

test('it reports every field in its unit', async () => {
  assert.deepEqual(await collect(timex, clock(0, 1)), [
    'node_timex_estimated_error_seconds 16',
    'node_timex_frequency_adjustment_ratio 0.999999',
    'node_timex_loop_time_constant 7',
    'node_timex_maxerror_seconds 0.5',
    'node_timex_offset_seconds -0.0015',
    'node_timex_pps_calibration_total 3',
    'node_timex_pps_error_total 4',
    'node_timex_pps_frequency_hertz 2e-06',
    'node_timex_pps_jitter_seconds 0.0025',
    'node_timex_pps_jitter_total 2',
    'node_timex_pps_shift_seconds 4',
    'node_timex_pps_stability_exceeded_total 5',
    'node_timex_pps_stability_hertz 1.52587890625e-11',
    'node_timex_status 1',
    'node_timex_sync_status 1',
    'node_timex_tai_offset_seconds 37',
    'node_timex_tick_seconds 0.01',
  ])
})

test('only offset and jitter are nanoseconds, and only if the status has STA_NANO', async () => {
  const lines = await collect(timex, clock(0, 0x2001))
  assert.ok(lines.includes('node_timex_offset_seconds -1.5e-06'))
  assert.ok(lines.includes('node_timex_pps_jitter_seconds 2.5e-06'))
  assert.ok(lines.includes('node_timex_maxerror_seconds 0.5'))
})

test('a clock in error is not synchronised; a clock before a leap second is', async () => {
  assert.ok((await collect(timex, clock(5, 64))).includes('node_timex_sync_status 0'))
  for (const state of [1, 2, 3, 4])
    assert.ok((await collect(timex, clock(state, 1))).includes('node_timex_sync_status 1'))
})

test('without permission it gives no data and logs no failure', async () => {
  const kernel = { adjtimex: () => Promise.reject(failure('adjtimex', 1)) }
  const { lines, success, logged } = await collectAll(timex, { kernel })
  assert.deepEqual([lines, success], [[], false])
  assert.match(logged.join(), /^debug Collector has no data/)
})

test('without system calls the failure says so', async () => {
  const { lines, success, logged } = await collectAll(timex)
  assert.deepEqual([lines, success], [[], false])
  assert.match(logged.join(), /^error .*no system calls on this host/)
})
