import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { FakeMimir, type MimirLimits } from '../support/fake-mimir.ts'
import { intervalMs, keyOf, Scene } from './scene.ts'

const minutes = (count: number) => (count * 60_000) / intervalMs
const away = () => ({ take: 'none', status: 503 }) as const
const long = 'x'.repeat(120)

const settings = ([1, 2] as const).flatMap((version) =>
  [0, 600_000].map((outOfOrderMs) => ({
    version,
    outOfOrderMs,
    name: `remote-write ${version}.0, out-of-order window ${outOfOrderMs / 60_000}m`,
  })),
)

async function openMimir(
  t: TestContext,
  series: number,
  { version, outOfOrderMs }: { readonly version: 1 | 2; readonly outOfOrderMs: number },
  limits: Partial<MimirLimits> = {},
) {
  const mimir = new FakeMimir({ outOfOrderMs, ...limits })
  const message = version === 1 ? 'prometheus.WriteRequest' : 'io.prometheus.write.v2.Request'
  const scene = await Scene.open(t, series, { message, rules: mimir })
  /** Samples that Mimir lacks of series that it accepts: those that it has now. */
  const lacks = () =>
    scene.missing().filter((one) => {
      const part = one.slice(0, one.lastIndexOf('@'))
      return mimir.has(keyOf(part))
    })
  return { scene, mimir, lacks }
}

const countLines = ({ lines }: Scene, text: string) => lines.filter((line) => line.includes(text)).length

/** The counter and the dead letters against what is missing at the receiver. */
async function assertCounted(scene: Scene): Promise<void> {
  const missing = scene.missing().length
  assert.equal(scene.dropped['rejected'] ?? 0, missing)
  assert.equal((await scene.deadLetters()).size, missing)
}

for (const setting of settings) {
  test(`six series over the limit of the tenant, ${setting.name}: all others arrive, and the six are named`, async (t) => {
    const { scene, mimir, lacks } = await openMimir(t, 100, setting, { maxSeries: 94 })
    for (let i = 0; i < minutes(30); i++) {
      await scene.intervals(1)
      assert.ok(scene.ageIntervals <= 3, `the newest sample is ${scene.ageIntervals} intervals old`)
    }
    assert.deepEqual(lacks(), [])
    t.diagnostic(`${scene.receiver.requests.length} requests for ${scene.collected.length} snapshots`)
    await assertCounted(scene)
    assert.equal(countLines(scene, 'Receiver rejects some series'), 1)
    assert.match(
      scene.problem ?? '',
      /delivering, except for 6 rejected series: HTTP 400: .*per-user series limit of 94/,
    )
    assert.equal(
      mimir.discarded.every(({ series }) => !mimir.has(series)),
      true,
    )
    mimir.limits.maxSeries = 1000
    const raised = scene.collected.length
    await scene.intervals(minutes(11))
    assert.equal(scene.problem, undefined)
    const late = scene.missing().map((one) => Number(one.split('@')[1]))
    assert.ok(Math.max(...late) - raised < minutes(10), 'a raised limit is noticed within ten minutes')
    assert.equal(countLines(scene, 'accepts all series again'), 1)
  })

  test(`many series over the limit of the tenant, ${setting.name}: all others arrive`, async (t) => {
    const { scene, lacks } = await openMimir(t, 300, setting, { maxSeries: 200 })
    await scene.intervals(minutes(60))
    assert.deepEqual([lacks(), scene.backlog], [[], 0])
    assert.ok(scene.ageIntervals <= 3)
    assert.equal(scene.missing().length, 100 * minutes(60))
    assert.ok((scene.dropped['rejected'] ?? 0) <= scene.missing().length)
    const extra = scene.receiver.requests.length - scene.collected.length
    assert.ok(extra <= 32, `${extra} requests to name rejected series in an hour`)
  })

  test(`an outage, then a catch-up with two series of too long labels, ${setting.name}`, async (t) => {
    const { scene, lacks } = await openMimir(t, 40, setting, { maxLabelValueLength: 100 })
    await scene.intervals(5)
    scene.receiver.behave = () => ({ take: 'none', status: 429, headers: { 'retry-after': '6' } })
    await scene.intervals(15)
    const parts = [...scene.parts.slice(0, 20), `a${long}`, `b${long}`, ...scene.parts.slice(20)]
    await scene.intervals(15, parts)
    scene.receiver.behave = () => undefined
    await scene.intervals(minutes(5), parts)
    assert.deepEqual([lacks(), scene.backlog], [[], 0])
    await assertCounted(scene)
    assert.equal(scene.missing().length, 2 * (15 + minutes(5)))
    assert.equal(scene.stats.duplicateSender, 0)
    assert.equal(countLines(scene, 'Another sender'), 0)
  })

  test(`two hosts' worth of series with too long labels, ${setting.name}: all are named by the first message`, async (t) => {
    const { scene, lacks } = await openMimir(t, 40, setting, { maxLabelValueLength: 100 })
    const bad = Array.from({ length: 30 }, (_, i) => `${i}${long}`)
    await scene.intervals(minutes(30), [...scene.parts, ...bad])
    assert.deepEqual([lacks(), scene.backlog], [[], 0])
    await assertCounted(scene)
    assert.match(scene.problem ?? '', /30 rejected series/)
    const extra = scene.receiver.requests.length - scene.collected.length
    assert.ok(extra <= 2, `${extra} more requests than snapshots`)
  })

  test(`a burst size below a catch-up request, ${setting.name}: it is halved, and nothing is lost`, async (t) => {
    const { scene, mimir } = await openMimir(t, 100, setting, { burst: 700 })
    await scene.intervals(3)
    scene.receiver.behave = away
    await scene.intervals(40)
    scene.receiver.behave = () => undefined
    await scene.intervals(minutes(10))
    assert.deepEqual(scene.state, { missing: 0, dropped: {}, backlog: 0 })
    assert.equal(mimir.discarded.length, 0)
    scene.receiver.behave = away
    await scene.intervals(40)
    scene.receiver.behave = () => undefined
    const before = scene.receiver.requests.length
    await scene.intervals(minutes(3))
    assert.ok(
      scene.receiver.requests.slice(before).every(({ samples }) => samples <= 700),
      'the size is remembered',
    )
  })

  test(`a burst size below one snapshot, ${setting.name}: it is sent in parts`, async (t) => {
    const { scene } = await openMimir(t, 100, setting, { burst: 60 })
    await scene.intervals(minutes(10))
    assert.deepEqual(scene.state, { missing: 0, dropped: {}, backlog: 0 })
    const { requests } = scene.receiver
    assert.ok(requests.length <= 2 * scene.collected.length + 10, `${requests.length} requests`)
  })

  test(`a limit of the message size, ${setting.name}: requests become smaller, and nothing is lost`, async (t) => {
    const { scene } = await openMimir(t, 100, setting, { maxMessageBytes: 1500 })
    await scene.intervals(3)
    scene.receiver.behave = away
    await scene.intervals(40)
    scene.receiver.behave = () => undefined
    await scene.intervals(minutes(10))
    assert.deepEqual(scene.state, { missing: 0, dropped: {}, backlog: 0 })
  })

  test(`samples that are too old for the grace period, ${setting.name}: only they are lost`, async (t) => {
    const { scene, mimir } = await openMimir(t, 40, { ...setting, outOfOrderMs: 0 }, { pastGraceMs: 60_000 })
    await scene.intervals(5)
    scene.receiver.behave = away
    await scene.intervals(minutes(6))
    scene.receiver.behave = () => undefined
    await scene.intervals(minutes(5))
    assert.equal(scene.backlog, 0)
    await assertCounted(scene)
    const refused = new Set(mimir.discarded.map(({ timestampMs }) => timestampMs))
    t.diagnostic(`${refused.size} snapshots of ${minutes(6)} lost, ${scene.receiver.requests.length} requests`)
    assert.equal(scene.missing().length, refused.size * 40)
  })

  test(`the limit of active series of Grafana Cloud, HTTP 429, ${setting.name}: the others arrive`, async (t) => {
    const { scene, mimir, lacks } = await openMimir(t, 100, setting, { maxActiveSeries: 94 })
    await scene.intervals(minutes(30))
    assert.deepEqual([lacks(), scene.backlog], [[], 0])
    assert.ok(scene.ageIntervals <= 3)
    await assertCounted(scene)
    mimir.limits.maxActiveSeries = 1000
    await scene.intervals(minutes(11))
    assert.equal(scene.problem, undefined)
  })
}

test('six hours with six series over the limit: accepted series without a gap, the newest sample at most three intervals old', async (t) => {
  const { scene, lacks } = await openMimir(t, 60, { version: 2, outOfOrderMs: 0 }, { maxSeries: 54 })
  for (let i = 0; i < minutes(360); i++) {
    await scene.intervals(1)
    if (i % 20 === 0) assert.ok(scene.ageIntervals <= 3)
  }
  assert.deepEqual([lacks(), scene.backlog], [[], 0])
  assert.equal(scene.dropped['rejected'], scene.missing().length)
  assert.equal(countLines(scene, 'Receiver rejects some series'), 6)
})

test('new series of a tenant that is at its limit are named without more requests', async (t) => {
  const { scene, lacks } = await openMimir(t, 40, { version: 2, outOfOrderMs: 0 }, { maxSeries: 38 })
  await scene.intervals(4)
  const before = scene.receiver.requests.length
  await scene.intervals(8, [...scene.parts, 'new1', 'new2', 'new3'])
  assert.deepEqual([scene.receiver.requests.length - before, lacks()], [8, []])
  await assertCounted(scene)
})

test('a short-lived command names all rejected series before it ends', async (t) => {
  const mimir = new FakeMimir({ maxSeries: 35 })
  const scene = await Scene.open(t, 40, { rules: mimir, isBrief: true })
  await scene.intervals(1)
  assert.equal(scene.backlog, 0)
  await assertCounted(scene)
})

test('a limit that was raised for a part of the rejected series: that part is delivered from then on', async (t) => {
  const { scene, mimir, lacks } = await openMimir(t, 40, { version: 2, outOfOrderMs: 0 }, { maxSeries: 34 })
  await scene.intervals(2)
  await scene.intervals(2, [...scene.parts, 'new1', 'new2'])
  mimir.limits.maxSeries = 37
  await scene.intervals(minutes(20), [...scene.parts, 'new1', 'new2'])
  assert.match(scene.problem ?? '', /per-user series limit of 37 exceeded/)
  assert.equal(mimir.ledger.filter(({ timestampMs }) => timestampMs >= (scene.collected.at(-1) ?? 0)).length, 37)
  const since = minutes(11)
  assert.deepEqual(
    lacks().filter((one) => Number(one.split('@')[1]) > since),
    [],
  )
})
