import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { intervalMs, Scene } from './scene.ts'
import type { Answer, Asked } from './scripted.ts'

const ways: Readonly<Record<string, (asked: Asked) => Answer | undefined>> = {
  well: () => undefined,
  away: () => ({ take: 'none', status: 503 }),
  deaf: () => ({ take: 'none', status: 'reset' }),
  dumb: () => ({ take: 'all', status: 'reset' }),
  uneven: ({ number }) => (number % 2 === 0 ? undefined : { take: 'all', status: 'reset' }),
}

/** A phase: the behaviour of the receiver for some intervals, then possibly a kill and another URL. */
const phase = fc.record({
  version2: fc.constantFrom('known', 'mute', 'empty', 400, 415, 500),
  version1: fc.constantFrom('known', 'known', 'known', 415),
  way: fc.constantFrom('well', ...Object.keys(ways)),
  intervals: fc.integer({ min: 1, max: 6 }),
  after: fc.constantFrom('goes on', 'goes on', 'is killed', 'moves'),
} as const)

test('with any changes of protocol support, lost answers and kills, everything is delivered and nothing is rejected', async (t) => {
  const phases = fc.array(phase, { minLength: 1, maxLength: 6 })
  const property = fc.asyncProperty(phases, async (all) => {
    const scene = await Scene.open(t, 4, { message: 'auto' })
    const { receiver } = scene
    for (const { version1, version2, way, intervals, after } of all) {
      Object.assign(receiver, { version1, version2, behave: ways[way] })
      await scene.intervals(intervals)
      if (after === 'goes on') continue
      await scene.kill()
      if (after === 'moves') scene.url += 'x'
      await scene.start()
    }
    Object.assign(receiver, { version1: 'known', version2: 'known', behave: ways['well'] })
    await scene.intervals(600_000 / intervalMs)
    assert.deepEqual(scene.state, { missing: 0, dropped: {}, backlog: 0 })
    await scene.kill()
  })
  await fc.assert(property, { numRuns: 40 })
})
