import assert from 'node:assert/strict'
import { test } from 'node:test'
import pressure from '../../src/collectors/pressure.ts'
import { collect, collectAll } from '../support/collect.ts'

const line = (kind: string, total: number) => `${kind} avg10=0.18 avg60=0.34 avg300=0.10 total=${total}\n`

test('it reports stall times in seconds, with the last digit of node_exporter', async () => {
  const proc = {
    'pressure/cpu': line('some', 14036781) + line('full', 5),
    'pressure/io': line('some', 159886802) + line('full', 159229614),
    'pressure/memory': line('some', 0) + line('full', 0),
    'pressure/irq': line('full', 8494),
  }
  assert.deepEqual(await collect(pressure, { proc }), [
    'node_pressure_cpu_waiting_seconds_total 14.036781000000001',
    'node_pressure_io_stalled_seconds_total 159.229614',
    'node_pressure_io_waiting_seconds_total 159.886802',
    'node_pressure_irq_stalled_seconds_total 0.008494',
    'node_pressure_memory_stalled_seconds_total 0',
    'node_pressure_memory_waiting_seconds_total 0',
  ])
})

test('a kernel without irq pressure reports the rest', async () => {
  const proc = { 'pressure/cpu': line('some', 1000), 'pressure/io': line('some', 1) + line('full', 2000) }
  const { lines, success } = await collectAll(pressure, { proc })
  assert.equal(lines.length, 3)
  assert.equal(success, true)
})

test('a file without one of its lines is no data and does not hide the others', async () => {
  const proc = { 'pressure/cpu': '', 'pressure/memory': line('full', 2000), 'pressure/irq': line('full', 1000) }
  const { lines, success, logged } = await collectAll(pressure, { proc })
  assert.deepEqual(lines, [
    'node_pressure_irq_stalled_seconds_total 0.001',
    'node_pressure_memory_stalled_seconds_total 0.002',
  ])
  assert.equal(success, false)
  assert.match(String(logged), /no data/)
})

test('missing files, files that answer EOPNOTSUPP (psi=0) and empty files are no data', async () => {
  const off = { error: 'EOPNOTSUPP' }
  for (const proc of [
    {},
    { 'pressure/cpu': off, 'pressure/io': off, 'pressure/memory': off },
    { 'pressure/cpu': '' },
  ]) {
    const { lines, success, logged } = await collectAll(pressure, { proc })
    assert.deepEqual([lines, success], [[], false])
    assert.match(String(logged), /no data/)
  }
})

test('an invalid value is a failure', async () => {
  const { lines, logged } = await collectAll(pressure, { proc: { 'pressure/cpu': 'some total=x\n' } })
  assert.deepEqual(lines, [])
  assert.match(String(logged), /failed.*pressure: no total/)
})
