import assert from 'node:assert/strict'
import { test } from 'node:test'
import { intervalMs, Scene } from './scene.ts'

const message = 'io.prometheus.write.v2.Request'

test('with periodic metadata, one request a minute has type and help', async (t) => {
  const options = { inline: 'periodic', metadataIntervalMs: 60_000 } as const
  const scene = await Scene.open(t, 40, { message, options })
  await scene.intervals(12)
  const withMetadata = scene.receiver.requests.flatMap(({ atMs, metadata }) =>
    metadata > 0 ? [atMs / intervalMs] : [],
  )
  assert.deepEqual(withMetadata, [0, 4, 8])
  assert.deepEqual(scene.state, { missing: 0, dropped: {}, backlog: 0 })
})
