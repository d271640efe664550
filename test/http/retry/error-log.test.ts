import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorLog } from '../../../src/http/retry/error-log.ts'
import { createLog, defineMessages } from '../../../src/util/log.ts'
import { TestClock } from '../../support/clock.ts'

const detail = { meaning: 'm', action: 'a' }
const { retrying, failed, recovered } = defineMessages('p', {
  retrying: { level: 'warn', text: 'Failed, retrying', data: 'kept', ...detail },
  failed: { level: 'error', text: 'Rejected', data: 'lost', ...detail },
  recovered: { level: 'info', text: 'Recovered', data: 'none', ...detail },
})

function errorLog() {
  const lines: string[] = []
  const clock = new TestClock()
  const log = createLog(
    'debug',
    'logfmt',
    (line) => lines.push(line.replace(/^time=\S+ level=/, '').trim()),
    () => 0,
  )
  const problem = new ErrorLog({ clock, log, recovered, receiver: { remote_name: 'r', url: 'u' } })
  const levels = () => lines.map((line) => line.split(' ', 1)[0])
  return { problem, clock, lines, levels }
}

test('a reason is logged once per outage, even if another reason comes in between', () => {
  const { problem, levels } = errorLog()
  for (const reason of ['read ECONNRESET', 'HTTP 500: no', 'read ECONNRESET', 'HTTP 500: no', 'HTTP 503: no'])
    problem.report(retrying, reason)
  assert.deepEqual(levels(), ['WARN', 'WARN', 'DEBUG', 'DEBUG', 'WARN'])
  assert.equal(problem.reason, 'HTTP 503: no')
})

test('a receiver that fails and recovers every ten seconds fills no log, and a lasting outage is logged', async () => {
  const { problem, clock, levels } = errorLog()
  const shown = () => levels().filter((level) => level !== 'DEBUG').length
  for (let i = 0; i < 1080; i++) {
    problem.report(retrying, 'HTTP 500: no')
    problem.clear()
    await clock.pass(10_000)
  }
  assert.ok(shown() <= 2 * (5 + 18), `${shown()} lines`)
  problem.clear()
  const before = shown()
  for (let i = 0; i < 31; i++) {
    problem.report(retrying, 'HTTP 500: no')
    await clock.pass(2000)
  }
  assert.equal(shown(), before + 1)
})

test('reasons that differ only in a time or a request number are the same reason', () => {
  const { problem, levels } = errorLog()
  problem.report(retrying, 'HTTP 500: request 8f14e45f-ceea at 2026-01-01T00:00:00Z failed')
  problem.report(retrying, 'HTTP 500: request c9f0f895-fb98 at 2026-01-01T00:01:00Z failed')
  assert.deepEqual(levels(), ['WARN', 'DEBUG'])
})

test('at most 20 reasons are logged per outage', () => {
  const { problem, levels } = errorLog()
  for (let i = 0; i < 1000; i++) problem.report(failed, 'x'.repeat(i))
  assert.equal(levels().filter((level) => level === 'ERROR').length, 20)
})

test('recovery is logged with the duration of the outage; after it the same reason is logged again', async () => {
  const { problem, clock, lines } = errorLog()
  problem.clear()
  problem.report(retrying, 'r')
  await clock.pass(4000)
  problem.report(retrying, 'r')
  problem.clear()
  problem.report(retrying, 'r')
  assert.deepEqual(lines, [
    'WARN msg="Failed, retrying" component=p remote_name=r url=u reason=r',
    'DEBUG msg="Failed, retrying" component=p remote_name=r url=u reason=r',
    'INFO msg=Recovered component=p remote_name=r url=u after=4s',
    'WARN msg="Failed, retrying" component=p remote_name=r url=u reason=r',
  ])
})
