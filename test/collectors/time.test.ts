import assert from 'node:assert/strict'
import { test } from 'node:test'
import time from '../../src/collectors/time.ts'
import { collect, collectAll } from '../support/collect.ts'

const now = 1_700_000_000_250

test('the time is that of the snapshot, in UTC if the host has no time zone', async () => {
  assert.deepEqual(await collect(time, { now }), [
    'node_time_seconds 1.70000000025e+09',
    'node_time_zone_offset_seconds{time_zone="UTC"} 0',
  ])
})

test('TZ or /etc/localtime gives the time zone', async () => {
  // A TZif file of version 1 with one local time type: RFC 9636, section 3.
  const zone = Buffer.alloc(44 + 6 + 6)
  zone.write('TZif')
  zone.writeUInt32BE(1, 36)
  zone.writeUInt32BE(6, 40)
  zone.writeInt32BE(19800, 44)
  zone.write('+0530\0', 50)
  const colombo = 'node_time_zone_offset_seconds{time_zone="+0530"} 19800'
  const at = (path: string, timezone?: string) =>
    collect(time, { now, elsewhere: { [path]: zone }, facts: { timezone } })
  assert.ok((await at('etc/localtime')).includes(colombo))
  assert.ok((await at('usr/share/zoneinfo/Asia/Colombo', 'Asia/Colombo')).includes(colombo))
  assert.ok(!(await at('etc/localtime', 'Nowhere')).includes(colombo))
})

test('it reports clock sources by device, and the current one', async () => {
  const sys = {
    'devices/system/clocksource/clocksource0/available_clocksource': 'tsc hpet acpi_pm \n',
    'devices/system/clocksource/clocksource0/current_clocksource': 'tsc\n',
    'devices/system/clocksource/uevent': '',
  }
  assert.deepEqual((await collect(time, { now, sys })).slice(0, 4), [
    'node_time_clocksource_available_info{clocksource="acpi_pm",device="0"} 1',
    'node_time_clocksource_available_info{clocksource="hpet",device="0"} 1',
    'node_time_clocksource_available_info{clocksource="tsc",device="0"} 1',
    'node_time_clocksource_current_info{clocksource="tsc",device="0"} 1',
  ])
})

test('an empty list of clock sources gives none, and an unreadable list is a failure', async () => {
  const sys = {
    'devices/system/clocksource/clocksource0/available_clocksource': '\n',
    'devices/system/clocksource/clocksource0/current_clocksource': { error: 'EACCES' },
  }
  const { lines, success } = await collectAll(time, { now, sys })
  assert.deepEqual([lines.length, success], [2, false])
})
