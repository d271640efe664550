import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SampleClock } from '../../src/collect/sample-clock.ts'
import { createLog, silent } from '../../src/util/log.ts'
import { TestClock } from '../support/clock.ts'

const startMs = 1_800_000_000_000

/** A sample clock on a test clock; `take` returns timestamps at an interval. */
function sampleClock(wallMs = startMs, newestMs = 0) {
  const clock = new TestClock(wallMs)
  const line = new SampleClock(clock, silent, newestMs)
  const take = async (count: number, intervalMs = 15_000) => {
    const moments: unknown[] = []
    for (let i = 0; i < count; i++) {
      moments.push(line.next())
      await clock.pass(intervalMs)
    }
    return moments
  }
  return { clock, line, take }
}

test('timestamps follow the wall clock', async () => {
  const { take } = sampleClock()
  assert.deepEqual(await take(3), [startMs, startMs + 15_000, startMs + 30_000])
})

test('a collection that begins at its scheduled time, within a hundredth of the interval, has that time', async () => {
  for (const [lateMs, interval, isPunctual] of [
    [0, 15_000, true],
    [140, 15_000, true],
    [-3, 15_000, true],
    [160, 15_000, false],
    [9, 100, true],
    [11, 100, false],
  ] as const) {
    const { line } = sampleClock(startMs + lateMs)
    const expected = isPunctual ? startMs : startMs + lateMs
    assert.equal(line.next({ scheduledMs: startMs, intervalMs: interval }), expected, `${lateMs} ms late`)
  }
})

test('a scheduled time is not used twice', async () => {
  const { clock, line } = sampleClock()
  const due = { scheduledMs: startMs, intervalMs: 15_000 }
  assert.equal(line.next(due), startMs)
  await clock.pass(50)
  const again = line.next(due)
  assert.ok(typeof again === 'number' && again > startMs)
})

test('a clock that steps an hour forward and back changes no timestamp', async () => {
  const { clock, line, take } = sampleClock()
  await take(2)
  clock.step(3_600_000)
  assert.deepEqual(await take(2), [startMs + 30_000, startMs + 45_000])
  line.confirm(startMs + 60_000)
  clock.step(-3_600_000)
  assert.deepEqual(await take(2), [startMs + 60_000, startMs + 75_000])
  assert.equal(line.stats.steps, 1)
})

test('a step that a receiver confirms is adopted', async () => {
  const { clock, line, take } = sampleClock()
  await take(1)
  clock.step(3_600_000)
  await take(1)
  line.confirm(startMs + 3_600_000 + 30_000)
  assert.deepEqual(await take(1), [startMs + 3_600_000 + 30_000])
  assert.equal(Math.round((line.stats.skewMs ?? 1) / 1000), 0)
})

test('a step without contradiction is adopted after an hour', async () => {
  const { clock, line, take } = sampleClock()
  await take(1)
  clock.step(7_200_000)
  await take(250)
  assert.equal(line.next(), startMs + 7_200_000 + 251 * 15_000)
})

test('after a step of three seconds back, sample time runs slower and no snapshot is lost', async () => {
  const { clock, take } = sampleClock()
  await take(5, 1000)
  clock.step(-3000)
  const moments = (await take(60, 1000)) as number[]
  assert.ok(moments.every((moment, i) => i === 0 || moment > (moments[i - 1] ?? 0)))
  assert.ok((moments[0] ?? 0) > startMs + 4000)
  assert.equal(moments.at(-1), startMs + 64_000 - 3000)
})

test('after a confirmed step of ten minutes back, there are no timestamps until the clock has caught up', async () => {
  const { clock, line, take } = sampleClock()
  await take(2)
  clock.step(-600_000)
  assert.deepEqual(await take(1), [startMs + 30_000])
  line.confirm(startMs + 45_000 - 600_000)
  const moments = await take(45)
  const lost = moments.filter((moment) => moment === 'past').length
  assert.ok(lost >= 34 && lost <= 38, `${lost} of 45 had no place`)
  const ahead = Number(moments.at(-1)) - (startMs + 45_000 + 44 * 15_000 - 600_000)
  assert.ok(ahead >= 0 && ahead < 60_000 + 15_000, `${ahead} ms ahead of the wall clock`)
})

test('a corrected clock is adopted without confirmation if the old time was behind earlier samples', async () => {
  const { clock, line, take } = sampleClock(startMs, startMs + 1_800_000)
  assert.deepEqual(await take(2), ['past', 'past'])
  clock.step(2_400_000)
  assert.deepEqual(await take(2), [startMs + 2_430_000, startMs + 2_445_000])
  assert.equal(line.stats.steps, 1)
})

test('an unset clock gives no timestamp; later the boot clock dates the held samples', async () => {
  const { clock, line, take } = sampleClock(12_000)
  assert.deepEqual(await take(2), ['unset', 'unset'])
  clock.step(startMs)
  const [now] = (await take(1)) as number[]
  assert.equal(line.at(0), (now ?? 0) - 30_000)
})

test('after a clock that was a year ahead, sample time moves back when a receiver confirms, or after a day', async () => {
  const yearMs = 365 * 86_400_000
  const { clock, line, take } = sampleClock(startMs + yearMs)
  await take(2)
  clock.step(-yearMs)
  assert.deepEqual(await take(1), [startMs + yearMs + 30_000])
  line.confirm(startMs + 45_000)
  assert.deepEqual(await take(2), [startMs + 45_000, startMs + 60_000])

  const after = sampleClock(startMs, startMs + yearMs) // after a boot, nothing is sent that a receiver could confirm
  const moments = await after.take(27, 3_600_000)
  assert.equal(moments.lastIndexOf('past'), 24)
  assert.deepEqual(moments.slice(25), [startMs + 25 * 3_600_000, startMs + 26 * 3_600_000])
})

/** A sample clock and the messages of its log with their receivers. */
function skewed() {
  const clock = new TestClock(startMs)
  const lines: string[] = []
  const log = createLog(
    'info',
    'logfmt',
    (line) => lines.push(`${/msg="(Clock \w+)/.exec(line)?.[1]} ${/receiver=(\w+)/.exec(line)?.[1]}`),
    () => 0,
  )
  return { clock, lines, line: new SampleClock(clock, log) }
}

test('the clock of each receiver is judged separately: a wrong one is logged once beside a right one', async () => {
  const { clock, lines, line } = skewed()
  for (let i = 0; i < 1000; i++) {
    line.confirm(0, 'broken')
    line.confirm(clock.now(), 'good')
    await clock.pass(1000)
  }
  assert.deepEqual(lines, ['Clock skew broken'])
  assert.equal(line.stats.skewMs, 0)
  line.confirm(clock.now(), 'broken')
  assert.deepEqual(lines, ['Clock skew broken', 'Clock agrees broken'])
})

test('a receiver with the time of 1970 does not undo the confirmation of another one', async () => {
  const clock = new TestClock(startMs)
  const line = new SampleClock(clock, silent, startMs + 86_400_000)
  assert.equal(line.next(), 'past')
  line.confirm(startMs, 'good')
  line.confirm(0, 'broken')
  assert.equal(line.next(), startMs)
})

test('a skew around the limit, and one that comes and goes, are not logged each time', async () => {
  const { clock, lines, line } = skewed()
  for (let i = 0; i < 100; i++) {
    line.confirm(clock.now() - (i % 2 === 0 ? 59_000 : 61_000), 'near')
    await clock.pass(1000)
  }
  assert.deepEqual(lines, ['Clock skew near'])
  for (let i = 0; i < 1000; i++) {
    line.confirm(i % 2 === 0 ? 0 : clock.now(), 'alternating')
    await clock.pass(1000)
  }
  assert.ok(lines.length < 20, `${lines.length} lines`)
})

test('a receiver that did not respond for an hour has no influence', async () => {
  const { clock, line } = skewed()
  line.confirm(clock.now(), 'a')
  line.confirm(clock.now() - 70_000, 'b')
  assert.equal(line.stats.skewMs, 0)
  await clock.pass(3_600_001)
  line.confirm(clock.now() - 70_000, 'b')
  assert.equal(line.stats.skewMs, 70_000)
})
