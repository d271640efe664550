import assert from 'node:assert/strict'
import { test } from 'node:test'
import { intervalMs, Scene } from './scene.ts'

const minuteMs = 60_000
const minutes = (count: number) => (count * minuteMs) / intervalMs
const away = () => ({ take: 'none', status: 503 }) as const
const flawless = { missing: 0, dropped: {}, backlog: 0 }

test('an hour forward and back after ten minutes: nothing is lost, and no future sample is sent', async (t) => {
  const scene = await Scene.open(t)
  await scene.intervals(minutes(5))
  scene.clock.step(60 * minuteMs)
  await scene.intervals(minutes(10))
  scene.clock.step(-60 * minuteMs)
  await scene.intervals(minutes(10))
  assert.deepEqual([scene.state, scene.astrayMs < 1000, scene.steps], [flawless, true, 1])
})

test('an hour forward and back while no receiver confirms the time', async (t) => {
  const scene = await Scene.open(t)
  await scene.intervals(minutes(5))
  scene.receiver.behave = away
  scene.clock.step(60 * minuteMs)
  await scene.intervals(minutes(10))
  scene.clock.step(-60 * minuteMs)
  await scene.intervals(minutes(5))
  scene.receiver.behave = () => undefined
  await scene.intervals(minutes(10))
  assert.deepEqual([scene.state, scene.astrayMs < 1000], [flawless, true])
})

test('a clock that was ten minutes ahead is corrected: the samples out of order are counted exactly', async (t) => {
  const scene = await Scene.open(t, 40, { wallMs: 1_780_000_000_000 + 9 * minuteMs })
  await scene.intervals(minutes(5))
  scene.clock.step(-9 * minuteMs)
  await scene.intervals(minutes(20))
  const { missing, dropped, backlog } = scene.state
  t.diagnostic(`missing ${missing}, reported ${dropped['clock']}`)
  assert.deepEqual([dropped, backlog], [{ clock: missing }, 0])
  assert.ok(missing <= minutes(9) * scene.parts.length, `${missing} samples of nine minutes have no place`)
})

test('ten minutes back by mistake, corrected after five minutes: nothing is lost', async (t) => {
  const scene = await Scene.open(t)
  await scene.intervals(minutes(5))
  scene.clock.step(-10 * minuteMs)
  await scene.intervals(minutes(5))
  scene.clock.step(10 * minuteMs)
  await scene.intervals(minutes(10))
  assert.deepEqual([scene.state, scene.astrayMs < 1000], [flawless, true])
})

test('three seconds back: nothing is lost, and timestamps are correct again within half a minute', async (t) => {
  const scene = await Scene.open(t, 40, { wallMs: 1_780_000_000_000 + 3000 })
  await scene.intervals(minutes(5))
  scene.clock.step(-3000)
  await scene.intervals(minutes(10))
  assert.deepEqual([scene.state, scene.astrayMs <= 3000], [flawless, true])
})

test('a boot with the clock at 1970, corrected after ten minutes: nothing is lost, and all timestamps are correct', async (t) => {
  const scene = await Scene.open(t, 40, { wallMs: 1000 })
  await scene.intervals(minutes(10))
  assert.equal(scene.receiver.requests.length, 0)
  scene.clock.step(scene.trueMs - scene.clock.now())
  await scene.intervals(minutes(5))
  assert.deepEqual([scene.state, scene.astrayMs < 1000], [flawless, true])
})
