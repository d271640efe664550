import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLoop, type LoopParts } from '../../src/agent/loop.ts'
import { createLog } from '../../src/util/log.ts'
import { TestClock } from '../support/clock.ts'

test('missed intervals are counted in the log, with the slowest collector of the collection that was the cause', async () => {
  const clock = new TestClock(15_000 * 113_333_333)
  const lines: string[] = []
  const log = createLog(
    'warn',
    'logfmt',
    (line) => lines.push(line),
    () => 0,
  )
  let collections = 0
  const parts = {
    ingest: { startCycle: () => 0, add() {}, end() {} },
    async cycle() {
      collections++
      if (collections === 2) await clock.sleep(40_000)
      return { snapshot: {}, parts: [], slowest: { collector: 'hwmon', seconds: 38 } }
    },
    schedule: () => ({ intervalMs: 15_000, offsetMs: 0, flushTimeoutMs: 0, changed: new AbortController().signal }),
    consumers: () => [],
    adoption: { run: async () => {} },
    end: async () => {},
    watched: () => [],
    mayEnd: false,
    outputSet: { status: '', undelivered: [] },
    close: async () => {},
  } as unknown as LoopParts
  const stop = new AbortController()
  const ended = createLoop({ clock, log }, parts)(stop.signal)
  await clock.pass(100_000)
  stop.abort()
  await clock.pass(1000)
  await ended
  assert.equal(lines.length, 1, lines.join(''))
  assert.match(
    lines[0] ?? '',
    /msg="Missed collection intervals" component=agent missed=2 collection=40\.0s collector=hwmon collector_duration=38\.0s/,
  )
})
