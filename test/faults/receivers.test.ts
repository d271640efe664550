import assert from 'node:assert/strict'
import { test } from 'node:test'
import { intervalMs, keyOf, Scene } from './scene.ts'
import type { Asked } from './scripted.ts'

const minutes = (count: number) => (count * 60_000) / intervalMs

const flawless = { missing: 0, dropped: {}, backlog: 0 }

/** A receiver that is unreachable. */
const away = () => ({ take: 'none', status: 503 }) as const

test('a working receiver gets each snapshot in one request', async (t) => {
  const scene = await Scene.open(t)
  await scene.intervals(20)
  assert.deepEqual([scene.state, scene.receiver.requests.length], [flawless, 20])
})

for (const partial of [false, true]) {
  const kind = partial ? 'commits the rest, as Mimir does' : 'commits nothing, as Prometheus does'
  test(`400 for one series from a receiver that ${kind}: the rest is delivered, and the series is retried in an hour`, async (t) => {
    const scene = await Scene.open(t, 300)
    scene.receiver.partial = partial
    scene.receiver.refuses = (series) => series === keyOf('217')
    await scene.intervals(minutes(20))
    assert.ok(scene.missing().every((one) => one.startsWith('217@')))
    assert.equal(scene.dropped['rejected'], scene.missing().length)
    assert.equal(scene.lines.filter((line) => line.startsWith('error')).length, 1)
    scene.receiver.refuses = () => false
    await scene.intervals(minutes(50))
    const { missing, dropped } = scene.state
    assert.deepEqual(dropped, { rejected: missing })
    assert.ok(missing >= minutes(60) && missing <= minutes(60) + 1, `${missing} are missing`)
  })

  test(`400 for one series during a catch-up, from a receiver that ${kind}`, async (t) => {
    const scene = await Scene.open(t, 100)
    scene.receiver.partial = partial
    scene.receiver.behave = away
    await scene.intervals(minutes(20))
    scene.receiver.behave = () => undefined
    const begunMs = scene.collected[30] ?? 0
    scene.receiver.refuses = (series, timestampMs) => series === keyOf('17') && timestampMs >= begunMs
    await scene.intervals(minutes(10))
    assert.equal(scene.backlog, 0)
    assert.deepEqual(
      scene.missing().filter((one) => !one.startsWith('17@')),
      [],
    )
    const lost = scene.missing().length
    t.diagnostic(`missing ${lost}, reported ${scene.dropped['rejected']}, requests ${scene.receiver.requests.length}`)
    assert.ok((scene.dropped['rejected'] ?? 0) >= lost)
  })
}

test('400 for every series for twenty minutes: delivery pauses, and nothing is lost', async (t) => {
  const scene = await Scene.open(t)
  scene.receiver.refuses = () => true
  await scene.intervals(minutes(20))
  assert.ok(scene.receiver.requests.length < 100, `${scene.receiver.requests.length} requests in twenty minutes`)
  scene.receiver.refuses = () => false
  await scene.intervals(minutes(3))
  assert.deepEqual(scene.state, flawless)
})

test('a receiver that rejects samples older than an hour: these become dead letters, and newer ones are delivered', async (t) => {
  const scene = await Scene.open(t)
  scene.receiver.behave = away
  await scene.intervals(minutes(180))
  scene.receiver.behave = () => undefined
  const bound = scene.trueMs - 3_600_000 + intervalMs / 2
  scene.receiver.refuses = (_, timestampMs) => timestampMs < bound
  await scene.intervals(minutes(15))
  assert.equal(scene.backlog, 0)
  const old = scene.collected.filter((timestampMs) => timestampMs < bound).length * scene.parts.length
  t.diagnostic(`${scene.receiver.requests.length} requests`)
  assert.deepEqual([scene.missing().length, scene.dropped], [old, { rejected: old }])
})

test('413 above a size: request bodies become smaller, and nothing is lost', async (t) => {
  const scene = await Scene.open(t)
  scene.receiver.behave = away
  await scene.intervals(100)
  scene.receiver.behave = ({ samples }: Asked) => (samples > 90 ? { take: 'none', status: 413 } : undefined)
  await scene.intervals(minutes(10))
  assert.deepEqual(scene.state, flawless)
})

test('413 for less than one snapshot: the snapshot is split by series', async (t) => {
  const scene = await Scene.open(t)
  scene.receiver.behave = ({ samples }: Asked) => (samples > 15 ? { take: 'none', status: 413 } : undefined)
  await scene.intervals(minutes(30))
  assert.deepEqual(scene.state, flawless)
})

test('413 for every request: logged, delivery pauses, and nothing is lost', async (t) => {
  const scene = await Scene.open(t, 300)
  await scene.intervals(3)
  scene.receiver.behave = () => ({ take: 'none', status: 413 })
  await scene.intervals(minutes(20))
  assert.ok(scene.receiver.requests.length < 250, `${scene.receiver.requests.length} requests in twenty minutes`)
  assert.equal(scene.lines.filter((line) => /^error.*rejects all samples/.test(line)).length, 1)
  const before = scene.receiver.requests.length
  scene.receiver.behave = () => undefined
  await scene.intervals(minutes(5))
  assert.deepEqual(scene.state, flawless)
  const requests = scene.receiver.requests.length - before
  assert.ok(requests < 2 * minutes(5), `${requests} requests for what waited: they are as large as before`)
})

test('413 for a single sample: its series becomes a dead letter and is logged, everything else is delivered', async (t) => {
  const scene = await Scene.open(t, 100)
  scene.receiver.behave = ({ series }: Asked) => (series.has(keyOf('17')) ? { take: 'none', status: 413 } : undefined)
  await scene.intervals(minutes(20))
  assert.equal(scene.backlog, 0)
  assert.ok(scene.missing().every((one) => one.startsWith('17@')))
  assert.equal(scene.dropped['rejected'], scene.missing().length)
  assert.ok(scene.lines.some((line) => line.includes('Series rejected by the receiver')))
})

test('500 for one sample forever: it becomes a dead letter after ten minutes, everything else is delivered', async (t) => {
  const scene = await Scene.open(t)
  const poison = scene.trueMs + 5 * intervalMs
  scene.receiver.behave = ({ series }: Asked) =>
    series.get(keyOf('3'))?.includes(poison) ? { take: 'none', status: 500 } : undefined
  await scene.intervals(minutes(20))
  assert.equal(scene.backlog, 0)
  const lost = scene.missing()
  assert.ok(lost.includes('3@5') && lost.every((one) => one.startsWith('3@')), 'its series is not sent for an hour')
  assert.deepEqual(scene.dropped, { rejected: lost.length })
})

test('500 for everything but an empty request, for three hours: nothing is lost', async (t) => {
  const scene = await Scene.open(t)
  await scene.intervals(10)
  scene.receiver.behave = ({ samples }: Asked) => (samples > 0 ? { take: 'none', status: 500 } : undefined)
  await scene.intervals(minutes(180))
  scene.receiver.behave = () => undefined
  await scene.intervals(minutes(10))
  assert.deepEqual(scene.state, flawless)
})

test('500 for large requests only, as by an overloaded receiver: nothing is lost', async (t) => {
  const scene = await Scene.open(t)
  await scene.intervals(10)
  scene.receiver.behave = away
  await scene.intervals(minutes(10))
  scene.receiver.behave = ({ samples }: Asked) => (samples > 100 ? { take: 'none', status: 500 } : undefined)
  await scene.intervals(minutes(120))
  assert.deepEqual(scene.state, flawless)
})

test('429 for a day rejects nothing', async (t) => {
  const scene = await Scene.open(t, 4)
  await scene.intervals(10)
  scene.receiver.behave = () => ({ take: 'none', status: 429 })
  await scene.intervals(minutes(600))
  scene.receiver.behave = () => undefined
  await scene.intervals(minutes(10))
  assert.deepEqual(scene.state, flawless)
})

test('503 for two hours rejects nothing: nothing is lost, and the catch-up sends many snapshots per request', async (t) => {
  const scene = await Scene.open(t)
  await scene.intervals(10)
  scene.receiver.behave = away
  await scene.intervals(minutes(120))
  scene.receiver.behave = () => undefined
  const before = scene.receiver.requests.length
  await scene.intervals(minutes(5))
  assert.deepEqual(scene.state, flawless)
  assert.ok(
    scene.receiver.requests.length - before < 75,
    `${scene.receiver.requests.length - before} requests for the catch-up`,
  )
})

test('429 with Retry-After is retried at that time, not before, and nothing is lost', async (t) => {
  const scene = await Scene.open(t)
  scene.receiver.behave = ({ number }: Asked) =>
    number % 3 === 0 ? { take: 'none', status: 429, headers: { 'retry-after': '7' } } : undefined
  await scene.intervals(minutes(10))
  assert.deepEqual([scene.missing().length, scene.dropped], [0, {}])
  const gaps = scene.receiver.requests.flatMap(({ atMs }, i) =>
    i % 3 === 2 ? [(scene.receiver.requests[i + 1]?.atMs ?? 1e9) - atMs] : [],
  )
  assert.ok(Math.min(...gaps) >= 7000, `asked again after ${Math.min(...gaps)} ms`)
})

test('connection resets after the receiver has committed, live and during a catch-up: nothing is missing or rejected', async (t) => {
  const scene = await Scene.open(t)
  await scene.intervals(10)
  scene.receiver.behave = away
  await scene.intervals(minutes(30))
  scene.receiver.behave = ({ number }: Asked) => (number % 2 === 0 ? { take: 'all', status: 'reset' } : undefined)
  await scene.intervals(minutes(60))
  assert.deepEqual(scene.state, flawless)
})

test('killed at any request while a series is rejected, live and during a catch-up: the rest is delivered', async (t) => {
  for (let at = 1; at <= 16; at++) {
    const scene = await Scene.open(t, 16)
    scene.receiver.refuses = (series) => series === keyOf('5')
    scene.receiver.behave = away
    await scene.intervals(30)
    let count = 0
    scene.receiver.behave = () => (++count >= at ? { take: 'none', status: 503 } : undefined)
    for (let i = 0; count < at && i < 40; i++) await scene.intervals(1)
    await scene.kill()
    scene.receiver.behave = () => undefined
    await scene.start()
    await scene.intervals(minutes(20))
    assert.deepEqual(
      [scene.backlog, scene.missing().filter((one) => !one.startsWith('5@'))],
      [0, []],
      `killed at ${at}`,
    )
    assert.ok((scene.dropped['rejected'] ?? 0) >= scene.missing().length)
  }
})

test('an agent that lost its cursors sends everything again to a receiver that has it: nothing is missing', async (t) => {
  const scene = await Scene.open(t)
  scene.receiver.behave = away
  await scene.intervals(50)
  scene.receiver.behave = () => undefined
  await scene.intervals(10)
  await scene.kill()
  scene.loseCursors()
  await scene.start()
  await scene.intervals(10)
  assert.deepEqual(scene.state, flawless)
})

test('series that come and go around a restart during a catch-up: nothing is missing or rejected', async (t) => {
  for (let requests = 0; requests <= 9; requests++) {
    const scene = await Scene.open(t, 20)
    const before = requests % 2 === 0 ? scene.parts : scene.parts.slice(0, 17)
    scene.receiver.behave = away
    await scene.intervals(70)
    await scene.kill()
    let count = 0
    scene.receiver.behave = () => (++count > requests ? { take: 'none', status: 503 } : undefined)
    await scene.start()
    await scene.clock.pass(intervalMs) // the sender reads the log before the first collection
    await scene.intervals(3, before)
    await scene.intervals(10)
    scene.receiver.behave = () => undefined
    await scene.intervals(minutes(3))
    assert.deepEqual(scene.state, flawless, `after ${requests} requests`)
  }
})

test('a series that returns as another object is the same series, read from disk or not', async (t) => {
  const scene = await Scene.open(t, 20)
  const fewer = scene.parts.slice(0, 17)
  for (let round = 0; round < 12; round++) {
    scene.receiver.behave = round % 3 === 0 ? away : () => undefined
    await scene.intervals(25 + round, fewer) // long enough to be forgotten
    await scene.intervals(25 - round)
  }
  scene.receiver.behave = () => undefined
  await scene.intervals(minutes(3))
  assert.deepEqual(scene.state, flawless)
})
