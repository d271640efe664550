import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeriesTable } from '../../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../../src/metrics/snapshot.ts'
import { DuplicateSender } from '../../../src/remote-write/rejection/duplicate-sender.ts'
import { createStats } from '../../../src/remote-write/stats.ts'
import { createLog } from '../../../src/util/log.ts'
import { TestClock } from '../../support/clock.ts'
import { scene, temperature, until } from '../scene.ts'

test('a second host with the same labels is logged once, by the host that sends later', async (t) => {
  const mine = await scene(t)
  const { url } = mine.receiver
  const other = await scene(t, [], { url: new URL(`${url}/api/v1/write`) })
  other.push({ kitchen: 1 })
  for (let i = 0; i < 4; i++) other.push({ kitchen: i })
  await until(() => other.buffer.cursor('default').backlog().snapshots === 0)
  const logged = () => mine.lines.filter((line) => line.includes('Another sender uses the same labels'))
  mine.push({ kitchen: 1 })
  await until(() => mine.endpoint.stats.duplicateSender === 1)
  mine.push({ kitchen: 2 })
  await until(() => mine.endpoint.stats.duplicateSender === 2)
  assert.equal(logged().length, 1)
  assert.match(
    logged()[0] ?? '',
    /instance=h job=node reason="HTTP 400: .*out of order.* hint="give each host a different instance/,
  )
  assert.match(
    mine.endpoint.report.problem ?? '',
    /^another sender uses the same labels {"instance":"h","job":"node"} \(give each host a different/,
  )
  assert.equal(other.endpoint.report.problem, undefined)
})

/** A detector on a test clock. */
function detector(hasStepped = false) {
  const clock = new TestClock()
  const lines: string[] = []
  const stats = createStats()
  const duplicates = new DuplicateSender({
    clock,
    log: createLog(
      'debug',
      'logfmt',
      (line) => lines.push(line),
      () => 0,
    ),
    receiver: { remote_name: 'r', url: 'http://receiver.test/' },
    stats,
    hasStepped: () => hasStepped,
  })
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance: 'h' }))
  builder.begin()
  builder.add(temperature, 1, { room: 'kitchen' })
  const snapshot = builder.end(1000)
  return { duplicates, clock, lines, stats, snapshot }
}

test('after a step of the own clock no duplicate sender is reported', () => {
  const { duplicates, lines, snapshot } = detector(true)
  duplicates.onRejected(snapshot, 'HTTP 400: out of order sample', [])
  assert.equal(duplicates.problem, undefined)
  assert.deepEqual(lines, [])
})

test('other rejections, and samples with explicit timestamps, are not reported as a duplicate sender', () => {
  const { duplicates, stats, snapshot } = detector()
  duplicates.onRejected(snapshot, 'HTTP 400: too old sample', [])
  duplicates.onRejected({ ...snapshot, ownTimestampsMs: Float64Array.of(5) }, 'HTTP 400: out of order sample', [])
  assert.equal(stats.duplicateSender, 0)
})

test('an hour without such a rejection ends the problem, which is logged', async () => {
  const { duplicates, lines, clock, snapshot } = detector()
  duplicates.onRejected(snapshot, 'HTTP 409: the sample is a duplicate (err-mimir-sample-duplicate-timestamp)', [])
  duplicates.onAccepted()
  assert.notEqual(duplicates.problem, undefined)
  await clock.pass(3_600_000)
  duplicates.onAccepted()
  assert.equal(duplicates.problem, undefined)
  assert.match(lines[1] ?? '', /Other sender with the same labels no longer detected/)
  duplicates.onRejected(snapshot, 'HTTP 400: out of order sample', [])
  assert.equal(lines.length, 3)
})

test('lost responses are not reported as a duplicate sender', async (t) => {
  const script = [{ reset: 'after' }, { hang: true, commit: true }, undefined, { reset: 'after' }] as const
  const one = await scene(t, script, { timeoutMs: 500 })
  for (let i = 0; i < 6; i++) one.push({ kitchen: i, hall: -i })
  await until(() => one.buffer.cursor('default').backlog().snapshots === 0)
  for (let i = 6; i < 9; i++) one.push({ kitchen: i, hall: -i })
  await until(() => one.buffer.cursor('default').backlog().snapshots === 0)
  assert.equal(one.arrived('kitchen').length, 9)
  assert.equal(one.endpoint.stats.duplicateSender, 0)
  assert.equal(one.endpoint.report.problem, undefined)
})
