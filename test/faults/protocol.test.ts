import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { packageRoot } from '../../src/util/version.ts'
import { intervalMs, keyOf, Scene } from './scene.ts'

const minutes = (count: number) => (count * 60_000) / intervalMs
const flawless = { missing: 0, dropped: {}, backlog: 0 }
const away = () => ({ take: 'none', status: 503 }) as const
const auto = { message: 'auto' } as const
const dayMs = 86_400_000

const versions = ({ receiver }: Scene) => receiver.requests.map(({ version }) => version).join('')
const countLines = ({ lines }: Scene, text: string) => lines.filter((line) => line.includes(text)).length

test('a receiver that supports 2.0 gets only 2.0, one request per snapshot', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  await scene.intervals(20)
  assert.deepEqual([scene.state, versions(scene)], [flawless, '2'.repeat(20)])
  assert.equal(countLines(scene, 'supports remote write 2.0'), 1)
})

test('a short-lived command does not probe for 2.0, but uses it if the receiver rejects 1.0', async (t) => {
  const scene = await Scene.open(t, 40, { ...auto, isBrief: true })
  await scene.intervals(3)
  assert.deepEqual([scene.state, versions(scene)], [flawless, '111'])
  scene.receiver.version1 = 415
  await scene.intervals(2)
  assert.deepEqual([scene.state, versions(scene)], [flawless, '111122'])
})

/** The table in docs/delivery.md: the behaviour of the receiver, and the version that hostpush settles on. */
const rows: Readonly<Record<string, readonly [(scene: Scene) => void | Promise<void>, version: 1 | 2]>> = {
  '2xx with the number of samples written': [() => {}, 2],
  '2xx without that number, or with 0': [
    ({ receiver }) => {
      receiver.version2 = 'empty'
    },
    1,
  ],
  '400 to the first request': [
    ({ receiver }) => {
      receiver.version2 = 400
    },
    1,
  ],
  '400 without a number to every request, later': [
    async (scene) => {
      await scene.intervals(5)
      scene.receiver.version2 = 400
    },
    1,
  ],
  '415': [
    ({ receiver }) => {
      receiver.version2 = 415
    },
    1,
  ],
  '415 to 1.0': [
    ({ receiver }) => {
      receiver.version1 = 415
    },
    2,
  ],
  '500 to three snapshots that the receiver accepts as 1.0': [
    ({ receiver }) => {
      receiver.version2 = 500
    },
    1,
  ],
  '400 with the number of samples written': [
    ({ receiver }) => {
      receiver.refuses = (series) => series === keyOf('7')
    },
    2,
  ],
}
for (const [name, [set, version]] of Object.entries(rows)) {
  test(`${name}: remote-write ${version}.0 from then on`, async (t) => {
    const scene = await Scene.open(t, 40, auto)
    await set(scene)
    await scene.intervals(minutes(6))
    const before = scene.receiver.requests.length
    await scene.intervals(minutes(2))
    assert.equal(versions(scene).slice(before), String(version).repeat(minutes(2)))
    const { missing, dropped, backlog } = scene.state
    assert.deepEqual([dropped['rejected'] ?? 0, backlog], [missing, 0])
    assert.deepEqual(new Set(scene.missing().map((one) => one.split('@')[0])), new Set(missing > 0 ? ['7'] : []))
  })
}

test('docs/delivery.md contains exactly these rows', () => {
  const text =
    readFileSync(new URL('docs/delivery.md', packageRoot), 'utf8').split('\n## Which version of remote-write\n')[1] ??
    ''
  const documented = [...text.matchAll(/^\| (\S.*?) \| (\d)\.0 \|/gm)].map(([, name = '', version]) => [
    name,
    Number(version),
  ])
  const tested = Object.entries(rows).map(([name, [, version]]) => [name, version])
  assert.deepEqual(documented.toSorted(), tested.toSorted())
})

for (const answer of ['empty', 'mute', 400, 415] as const) {
  const name = { empty: '204 to an empty request', mute: '204 without counts', 400: '400', 415: '415' }[answer]
  test(`${name}: the same snapshot is sent again as 1.0, and all others for a day too`, async (t) => {
    const scene = await Scene.open(t, 40, auto)
    scene.receiver.version2 = answer
    await scene.intervals(10)
    assert.deepEqual([scene.state, versions(scene)], [flawless, `2${'1'.repeat(10)}`])
    await scene.clock.pass(dayMs)
    await scene.intervals(10)
    assert.deepEqual([scene.state, versions(scene)], [flawless, `2${'1'.repeat(10)}2${'1'.repeat(10)}`])
    assert.equal(countLines(scene, 'does not support remote write 2.0'), 1)
    scene.receiver.version2 = 'known'
    await scene.clock.pass(dayMs)
    await scene.intervals(5)
    assert.deepEqual([scene.state, versions(scene).slice(-5)], [flawless, '22222'])
    assert.equal(countLines(scene, 'supports remote write 2.0'), 1)
  })
}

test('after 500 to 2.0 and 204 to 1.0 three times, hostpush uses 1.0', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  scene.receiver.version2 = 500
  await scene.intervals(minutes(5))
  assert.deepEqual(scene.state, flawless)
  assert.equal(versions(scene).replace(/1+$/, ''), '222122212221'.slice(0, -1))
  assert.equal(countLines(scene, 'does not support remote write 2.0'), 1)
})

test('an outage does not change the protocol version', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  scene.receiver.behave = away
  await scene.intervals(minutes(90))
  assert.equal(countLines(scene, 'does not support remote write 2.0'), 0)
  scene.receiver.behave = () => undefined
  await scene.intervals(minutes(5))
  assert.deepEqual([scene.state, versions(scene).at(-1)], [flawless, '2'])
  assert.equal(countLines(scene, 'supports remote write 2.0'), 1)
})

test('the detected version survives a restart, but not a change of the URL', async (t) => {
  for (const answer of ['known', 'empty'] as const) {
    const scene = await Scene.open(t, 40, auto)
    scene.receiver.version2 = answer
    await scene.intervals(3)
    await scene.kill()
    await scene.start()
    await scene.intervals(3)
    assert.deepEqual([scene.state, versions(scene)], [flawless, answer === 'known' ? '222222' : '2111111'])
    await scene.kill()
    scene.url = 'http://receiver/api/v1/push'
    await scene.start()
    await scene.intervals(3)
    assert.deepEqual([scene.state, versions(scene).slice(-4)], [flawless, answer === 'known' ? '2222' : '2111'])
  }
})

for (const answer of ['known', 'empty', 'mute', 400, 415, 500] as const) {
  test(`killed at any request while probing a receiver that answers ${answer} to 2.0: nothing is lost or rejected`, async (t) => {
    for (let at = 1; at <= 8; at++) {
      for (const take of ['all', 'none'] as const) {
        const scene = await Scene.open(t, 5, auto)
        scene.receiver.version2 = answer
        const lost = { take: answer === 'known' || answer === 'mute' ? take : 'none', status: 'reset' } as const
        scene.receiver.behave = ({ number }) => (number >= at ? lost : undefined)
        for (let i = 0; scene.receiver.requests.length < at && i < 20; i++) await scene.intervals(1)
        await scene.kill()
        scene.receiver.behave = () => undefined
        await scene.start()
        await scene.intervals(minutes(6))
        assert.deepEqual(scene.state, flawless, `at ${at}, ${take}`)
      }
    }
  })
}

test('a receiver that stops supporting 2.0 during a catch-up gets the same samples as 1.0', async (t) => {
  for (const answer of ['empty', 'mute', 415] as const) {
    const scene = await Scene.open(t, 40, auto)
    await scene.intervals(3)
    scene.receiver.behave = away
    await scene.intervals(minutes(20))
    scene.receiver.behave = () => undefined
    scene.receiver.version2 = answer
    await scene.intervals(minutes(10))
    assert.deepEqual([scene.state, versions(scene).at(-1)], [flawless, '1'])
  }
})

test('a receiver with 2.0 support that comes and goes repeatedly: nothing is lost or rejected', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  for (const answer of [400, 415, 'empty', 'mute', 500, 400] as const) {
    scene.receiver.version2 = answer
    await scene.intervals(minutes(answer === 500 ? 120 : 10))
    assert.equal(versions(scene).at(-1), '1', `after ${answer}`)
    scene.receiver.version2 = 'known'
    await scene.clock.pass(dayMs)
    await scene.intervals(5)
    assert.deepEqual([scene.state, versions(scene).at(-1)], [flawless, '2'], `after ${answer}`)
  }
})

test('a 2.0 receiver that rejects everything without a count still gets 2.0', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  await scene.intervals(5)
  scene.receiver.behave = () => ({ take: 'none', status: 400 })
  await scene.intervals(minutes(10))
  scene.receiver.behave = () => undefined
  await scene.intervals(minutes(3))
  assert.deepEqual([scene.state, versions(scene).at(-1)], [flawless, '2'])
})

test('a receiver that supports only 2.0 gets 2.0, with any backlog', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  scene.receiver.version1 = 415
  scene.receiver.behave = away
  await scene.intervals(minutes(20))
  scene.receiver.behave = () => undefined
  await scene.intervals(minutes(10))
  assert.deepEqual([scene.state, versions(scene).at(-1)], [flawless, '2'])
})

test('a receiver that supports neither version pauses delivery, and nothing is lost', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  await scene.intervals(3)
  scene.receiver.version1 = 415
  scene.receiver.version2 = 415
  await scene.intervals(minutes(20))
  assert.ok(scene.receiver.requests.length < 200, `${scene.receiver.requests.length} requests in twenty minutes`)
  scene.receiver.version1 = 'known'
  scene.receiver.version2 = 'known'
  await scene.intervals(minutes(5))
  assert.deepEqual(scene.state, flawless)
})

test('2.0 configured for a receiver without it: delivery pauses, and a hint is logged', async (t) => {
  const scene = await Scene.open(t, 40, { message: 'io.prometheus.write.v2.Request' })
  scene.receiver.version2 = 'empty'
  await scene.intervals(minutes(10))
  assert.match(scene.problem ?? '', /set protobuf_message to auto or prometheus.WriteRequest/)
  assert.ok(!versions(scene).includes('1'))
  scene.receiver.version2 = 'known'
  await scene.intervals(minutes(3))
  assert.deepEqual(scene.state, flawless)
})

test('400 with counts: written samples count as delivered, the rest is counted exactly, and no request is split', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  await scene.intervals(2)
  const refused = new Set(['3', '17', '20'].map(keyOf))
  scene.receiver.refuses = (series) => refused.has(series)
  await scene.intervals(10)
  assert.deepEqual(scene.state, { missing: 30, dropped: { rejected: 30 }, backlog: 0 })
  assert.equal(versions(scene), '2'.repeat(12))
  assert.equal(countLines(scene, 'Some samples rejected'), 1)
  scene.receiver.refuses = () => false
  await scene.intervals(3)
  assert.deepEqual([scene.missing().length, countLines(scene, 'accepts all samples again')], [30, 1])
})

test('400 with a count of 0: everything is rejected, delivery pauses, and nothing is lost', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  await scene.intervals(2)
  scene.receiver.refuses = () => true
  await scene.intervals(minutes(20))
  scene.receiver.refuses = () => false
  await scene.intervals(minutes(3))
  assert.deepEqual(scene.state, flawless)
})

test('400 with counts during a catch-up is counted exactly', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  await scene.intervals(2)
  scene.receiver.behave = away
  await scene.intervals(minutes(20))
  scene.receiver.behave = () => undefined
  scene.receiver.refuses = (series) => series === keyOf('7')
  await scene.intervals(minutes(10))
  const { missing, dropped, backlog } = scene.state
  assert.deepEqual([dropped, backlog], [{ rejected: missing }, 0])
  assert.ok(scene.missing().every((one) => one.startsWith('7@')))
})

test('connection resets after 2.0 was written, live and during a catch-up: nothing is missing or counted as rejected', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  await scene.intervals(10)
  scene.receiver.behave = away
  await scene.intervals(minutes(30))
  scene.receiver.behave = ({ number }) => (number % 2 === 0 ? { take: 'all', status: 'reset' } : undefined)
  await scene.intervals(minutes(60))
  assert.deepEqual(scene.state, flawless)
})

test('a receiver that writes fewer samples than it accepts is logged once, and the rest counts as dropped', async (t) => {
  const scene = await Scene.open(t, 40, auto)
  await scene.intervals(2)
  const headers = { 'x-prometheus-remote-write-samples-written': '38' }
  scene.receiver.behave = () => ({ take: 'all', status: 204, headers })
  await scene.intervals(5)
  assert.equal(countLines(scene, 'wrote fewer samples'), 1)
  assert.equal(versions(scene), '2'.repeat(7))
})
