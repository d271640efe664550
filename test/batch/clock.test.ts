import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBatchRun } from '../../src/batch/index.ts'
import { readConfig } from '../../src/config/index.ts'
import { systemClock } from '../../src/util/clock.ts'
import { recordingLog } from '../support/buffer.ts'
import { outputKinds } from '../support/outputs.ts'
import { temporary } from '../support/servers.ts'

test('a command on a machine without a set clock reports that receivers may reject its samples', async (t) => {
  const environment = { STATE_DIRECTORY: temporary(t), HOME: '/nonexistent' }
  const config = await readConfig({ flags: new Map(), environment, collectors: [], outputKinds })
  for (const [nowMs, told] of [
    [86_400_000, 1],
    [1_800_000_000_000, 0],
  ] as const) {
    const { log, lines } = recordingLog()
    const clock = { ...systemClock, now: () => nowMs }
    const connect = () => Promise.reject(new Error('nothing is to be sent'))
    const run = await openBatchRun(config, { clock, log, bootId: '', connect }, { sync: 'end' })
    await run.finish(async () => ({ snapshots: [] }), AbortSignal.abort())
    const warned = lines.filter((line) => line.includes('Clock is not set') && line.includes('1970-01-02'))
    assert.equal(warned.length, told, lines.join('\n'))
  }
})
