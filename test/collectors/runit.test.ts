import assert from 'node:assert/strict'
import { test } from 'node:test'
import runit, { parseStatus } from '../../src/collectors/runit.ts'
import { collect, collectAll } from '../support/collect.ts'

/** A status file with a time, the desired state and the state. */
function status(seconds: number, wanted: string, state: number): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.writeBigUInt64BE((1n << 62n) + 10n + BigInt(seconds), 0)
  bytes.writeUInt32BE(500_000_000, 8)
  bytes.write(wanted, 17, 'latin1')
  bytes.writeUInt8(state, 19)
  return bytes
}

test('it reports the actual and the desired state of a service, and when it changed in whole seconds', async () => {
  const elsewhere = {
    'etc/service/web/supervise/status': status(1_600_000_000, 'u', 1),
    'etc/service/web/down': '',
    'etc/service/cron': { link: '../sv/cron' },
    'etc/sv/cron/supervise/status': status(1000, 'd', 0),
    'etc/sv/cron/supervise/down': '',
    'etc/service/none/run': '#!/bin/sh\n',
    'etc/service/README': 'x',
  }
  assert.deepEqual(await collect(runit, { elsewhere }), [
    'node_service_desired_state{service="cron",supervisor="runit"} 0',
    'node_service_desired_state{service="web",supervisor="runit"} 1',
    'node_service_normal_state{service="cron",supervisor="runit"} 0',
    'node_service_normal_state{service="web",supervisor="runit"} 1',
    'node_service_state{service="cron",supervisor="runit"} 0',
    'node_service_state{service="web",supervisor="runit"} 1',
    'node_service_state_last_change_timestamp_seconds{service="cron",supervisor="runit"} 1000',
    'node_service_state_last_change_timestamp_seconds{service="web",supervisor="runit"} 1.6e+09',
  ])
})

test('a truncated status is logged and left out', async () => {
  const elsewhere = { 'sv/a/supervise/status': 'short', 'sv/b/supervise/status': status(1, 'u', 2) }
  const { lines, success, logged } = await collectAll(runit, { elsewhere, options: { servicedir: '/sv' } })
  assert.deepEqual([lines.length, success], [4, true])
  assert.match(logged.join(), /5 bytes/)
})

test('a missing directory is a failure; the collector is deprecated and off by default', async () => {
  assert.deepEqual([runit.enabled, runit.deprecated], [false, true])
  assert.match((await collectAll(runit)).logged.join(), /^error/)
})

test('a service with neither up nor down as its desired state has desired state 0', () => {
  assert.equal(parseStatus(status(0, '\0', 1)).wanted, false)
})
