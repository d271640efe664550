import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeMimir } from '../support/fake-mimir.ts'
import { intervalMs, keyOf, Scene } from './scene.ts'
import type { Asked } from './scripted.ts'

const minutes = (count: number) => (count * 60_000) / intervalMs
const away = () => ({ take: 'none', status: 503 }) as const
const flawless = { missing: 0, dropped: {}, backlog: 0 }
const long = 'x'.repeat(120)
const countLines = ({ lines }: Scene, text: string) => lines.filter((line) => line.includes(text)).length

test('killed at any request while a partial receiver rejects series, live and during a catch-up: the others arrive, and no other sender is reported', async (t) => {
  for (let at = 1; at <= 16; at++) {
    const mimir = new FakeMimir({ maxLabelValueLength: 100 })
    const scene = await Scene.open(t, 16, { rules: mimir })
    const parts = [...scene.parts, `a${long}`, `b${long}`]
    await scene.intervals(2)
    scene.receiver.behave = away
    await scene.intervals(30, parts)
    let count = 0
    scene.receiver.behave = () => (++count >= at ? { take: 'none', status: 503 } : undefined)
    for (let i = 0; count < at && i < 40; i++) await scene.intervals(1, parts)
    await scene.kill()
    scene.receiver.behave = () => undefined
    await scene.start()
    await scene.intervals(minutes(10), parts)
    const lacks = scene.missing().filter((one) => !one.includes(long))
    assert.deepEqual([scene.backlog, lacks, scene.stats.duplicateSender], [0, [], 0], `killed at ${at}`)
    // samples of a request that was answered right before the kill are counted twice
    assert.ok((scene.dropped['rejected'] ?? 0) >= scene.missing().length, `killed at ${at}`)
    for (const sample of await scene.deadLetters()) assert.ok(sample.includes(long), sample)
  }
})

test('a partial receiver that loses answers during a catch-up: nothing is missing, and nothing counts as rejected', async (t) => {
  for (const status of ['reset', 500] as const) {
    const mimir = new FakeMimir()
    const scene = await Scene.open(t, 40, { rules: mimir })
    await scene.intervals(5)
    scene.receiver.behave = away
    await scene.intervals(minutes(20))
    scene.receiver.behave = ({ number }) => (number % 2 === 0 ? { take: 'all', status } : undefined)
    await scene.intervals(minutes(30))
    scene.receiver.behave = () => undefined
    await scene.intervals(minutes(3))
    assert.deepEqual([scene.state, scene.stats.duplicateSender], [flawless, 0], String(status))
  }
})

test('a partial receiver with unknown messages is recognised by what it stored, also after a restart', async (t) => {
  const scene = await Scene.open(t, 40)
  scene.receiver.partial = true
  scene.receiver.behave = () => ({ take: 'none', status: 429 })
  await scene.intervals(minutes(10))
  const sinceMs = scene.collected[10] ?? 0
  scene.receiver.refuses = (series, timestampMs) => series === keyOf('17') && timestampMs >= sinceMs
  scene.receiver.behave = () => undefined
  await scene.intervals(minutes(5))
  assert.deepEqual(
    scene.missing().filter((one) => !one.startsWith('17@')),
    [],
  )
  assert.deepEqual([scene.backlog, scene.stats.duplicateSender], [0, 0])
  await scene.kill()
  await scene.start()
  await scene.intervals(5)
  assert.match(scene.acceptance, /^partial: a rejected request had been stored in part/)
})

test('the receiver of a preset that says otherwise is recognised by its messages', async (t) => {
  const preset = { presetAcceptance: { preset: 'prometheus', is: 'atomic' } } as const
  const scene = await Scene.open(t, 20, { rules: new FakeMimir({ maxSeries: 18 }), options: preset })
  assert.equal(scene.acceptance, 'atomic: preset prometheus')
  await scene.intervals(5)
  assert.equal(scene.acceptance, 'partial: the receiver rejected samples with max-series-per-user')
  await scene.kill()
  scene.url += 'x'
  await scene.start()
  assert.equal(scene.acceptance, 'atomic: preset prometheus')
  await scene.intervals(1)
})

test('acceptance: atomic in the configuration searches for rejected series before it goes on', async (t) => {
  const scene = await Scene.open(t, 20, { rules: new FakeMimir({ maxSeries: 18 }), options: { acceptance: 'atomic' } })
  await scene.intervals(1)
  assert.equal(scene.acceptance, 'atomic: acceptance in the configuration')
  assert.equal(countLines(scene, 'Series rejected by the receiver'), 2)
})

test('a changed max_samples_per_send applies to the range in flight after a restart', async (t) => {
  const scene = await Scene.open(t, 40)
  await scene.intervals(3)
  scene.receiver.behave = away
  await scene.intervals(40)
  scene.receiver.behave = ({ samples }: Asked) => (samples > 100 ? { take: 'none', status: 429 } : undefined)
  await scene.intervals(minutes(3))
  await scene.kill()
  scene.options = { maxSamplesPerSend: 100 }
  await scene.start()
  const before = scene.receiver.requests.length
  await scene.intervals(minutes(15))
  assert.deepEqual(scene.state, flawless)
  assert.ok(scene.receiver.requests.slice(before).every(({ samples }) => samples <= 100))
})

test('the size of a request above the burst size is remembered across a restart, and applies to the range in flight', async (t) => {
  const scene = await Scene.open(t, 40, { rules: new FakeMimir({ burst: 100 }), message: 'auto' })
  await scene.intervals(3)
  scene.receiver.behave = away
  await scene.intervals(40)
  scene.receiver.behave = () => undefined
  const sent = scene.receiver.requests.length
  while (scene.receiver.requests.slice(sent).every(({ samples }) => samples <= 100)) await scene.intervals(1)
  await scene.kill()
  await scene.start()
  const before = scene.receiver.requests.length
  await scene.intervals(minutes(15))
  assert.deepEqual(scene.state, flawless)
  assert.ok(scene.receiver.requests.slice(before).every(({ samples }) => samples <= 100))
  assert.equal(countLines(scene, 'does not support remote write 2.0'), 0)
})

test('many offending series at an atomic receiver: only they are lost, and delivery pauses', async (t) => {
  const scene = await Scene.open(t, 100)
  scene.receiver.refuses = (series) => /part="\d*[13579]"/.test(series)
  await scene.intervals(minutes(180))
  assert.equal(countLines(scene, 'Snapshots rejected'), 0)
  assert.ok((await scene.deadLetters()).size > 0)
  for (const sample of await scene.deadLetters()) assert.match(sample, /part="\d*[13579]"/)
  scene.receiver.refuses = () => false
  await scene.intervals(minutes(10))
  assert.equal(scene.backlog, 0)
  assert.deepEqual(
    scene.missing().filter((one) => /^\d*[02468]@/.test(one)),
    [],
  )
  assert.equal(scene.dropped['rejected'], scene.missing().length)
})

test('a pause ends within two minutes after the receiver accepts the series again', async (t) => {
  const scene = await Scene.open(t, 100)
  await scene.intervals(3)
  scene.receiver.refuses = (series) => /part="\d*[13579]"/.test(series)
  await scene.intervals(minutes(20))
  assert.match(scene.problem ?? '', /rejects too many series/)
  scene.receiver.refuses = () => false
  await scene.intervals(minutes(4))
  assert.equal(scene.backlog, 0)
  assert.equal(scene.problem, undefined)
})

test('a reload ends a pause at once, resets the budget, and sends excluded series again', async (t) => {
  const scene = await Scene.open(t, 100)
  await scene.intervals(3)
  scene.receiver.refuses = (series) => /part="\d*[13579]"/.test(series)
  await scene.intervals(minutes(20))
  const before = scene.receiver.requests.length
  scene.receiver.refuses = () => false
  scene.reload()
  await scene.intervals(1)
  assert.ok(scene.receiver.requests.length > before)
  const { length } = scene.collected
  await scene.intervals(minutes(3))
  assert.equal(scene.backlog, 0)
  assert.deepEqual(
    scene.missing().filter((one) => Number(one.split('@')[1]) > length),
    [],
  )
})

test('a lasting pause is logged once an hour', async (t) => {
  const scene = await Scene.open(t, 20)
  await scene.intervals(3)
  scene.receiver.refuses = () => true
  await scene.intervals(minutes(185))
  assert.equal(countLines(scene, 'Receiver rejects all samples'), 4)
  scene.receiver.refuses = () => false
  scene.receiver.behave = () => ({ take: 'none', status: 401 })
  await scene.intervals(minutes(125))
  assert.equal(countLines(scene, 'Remote write failed, retrying'), 3)
})
