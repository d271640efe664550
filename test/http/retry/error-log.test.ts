import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorLog } from '../../../src/http/retry/error-log.ts'
import { createLog } from '../../../src/util/log.ts'
import { TestClock } from '../../support/clock.ts'

function troubled() {
  const lines: string[] = []
  const clock = new TestClock()
  const log = createLog(
    'debug',
    'logfmt',
    (line) => lines.push(line.replace(/^time=\S+ level=/, '').trim()),
    () => 0,
  )
  const problem = new ErrorLog({ clock, log, part: 'p', receiver: { remote_name: 'r', url: 'u' } })
  const levels = () => lines.map((line) => line.split(' ', 1)[0])
  return { problem, clock, lines, levels }
}

test('a reason is told once while the trouble lasts, though another came between', () => {
  const { problem, levels } = troubled()
  for (const reason of ['read ECONNRESET', 'HTTP 500: no', 'read ECONNRESET', 'HTTP 500: no', 'HTTP 503: no'])
    problem.ill('warn', 'not delivered', reason)
  assert.deepEqual(levels(), ['WARN', 'WARN', 'DEBUG', 'DEBUG', 'WARN'])
  assert.equal(problem.reason, 'HTTP 503: no')
})

test('reasons that differ in a time or in the number of a request are the same', () => {
  const { problem, levels } = troubled()
  problem.ill('warn', 'm', 'HTTP 500: request 8f14e45f-ceea at 2026-01-01T00:00:00Z failed')
  problem.ill('warn', 'm', 'HTTP 500: request c9f0f895-fb98 at 2026-01-01T00:01:00Z failed')
  assert.deepEqual(levels(), ['WARN', 'DEBUG'])
})

test('a receiver that finds new words for ever is not told for ever', () => {
  const { problem, levels } = troubled()
  for (let i = 0; i < 1000; i++) problem.ill('error', 'm', 'x'.repeat(i))
  assert.equal(levels().filter((level) => level === 'ERROR').length, 20)
})

test('its end is told with how long it was; after it a reason is new again', async () => {
  const { problem, clock, lines } = troubled()
  problem.well()
  problem.ill('warn', 'm', 'r')
  await clock.pass(4000)
  problem.ill('warn', 'm', 'r')
  problem.well()
  problem.ill('warn', 'm', 'r')
  assert.deepEqual(lines, [
    'WARN msg="p: m" remote_name=r url=u reason=r',
    'DEBUG msg="p: m" remote_name=r url=u reason=r',
    'INFO msg="p: answering again" remote_name=r url=u after=4s',
    'WARN msg="p: m" remote_name=r url=u reason=r',
  ])
})
