import assert from 'node:assert/strict'
import { test } from 'node:test'
import watchdog from '../../src/collectors/watchdog.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const dog = (id: number, tree: Parameters<typeof under>[1]) => under(`class/watchdog/watchdog${id}`, tree)

test('it reports numbers and texts of a watchdog; a missing one is an empty label or no series', async () => {
  const sys = {
    ...dog(0, {
      timeout: '60\n',
      timeleft: '300\n',
      bootstatus: '0x10\n',
      identity: 'Software Watchdog\n',
      state: 'active\n',
    }),
    ...dog(1, { timeleft: { error: 'EOPNOTSUPP' }, status: { error: 'EINVAL' } }),
  }
  assert.deepEqual(await collect(watchdog, { sys }), [
    'node_watchdog_bootstatus{name="watchdog0"} 16',
    'node_watchdog_info{identity="",name="watchdog1",options="",pretimeout_governor="",state="",status=""} 1',
    'node_watchdog_info{identity="Software Watchdog",name="watchdog0",options="",pretimeout_governor="",state="active",status=""} 1',
    'node_watchdog_timeleft_seconds{name="watchdog0"} 300',
    'node_watchdog_timeout_seconds{name="watchdog0"} 60',
  ])
})

test('an invalid value of one watchdog is a failure and does not hide the other', async () => {
  const { lines, success } = await collectAll(watchdog, {
    sys: { ...dog(0, { timeout: 'abc' }), ...dog(1, { timeout: '5' }) },
  })
  assert.equal(success, false)
  assert.ok(lines.includes('node_watchdog_timeout_seconds{name="watchdog1"} 5'))
})

test('a host without watchdogs gives no data', async () => {
  const { success, logged } = await collectAll(watchdog)
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})
