import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openBatchRun } from '../../src/batch/index.ts'
import { createRun, spooledRuns } from '../../src/batch/run-log.ts'
import { Spool } from '../../src/batch/spool.ts'
import type { SpoolDeps } from '../../src/batch/types.ts'
import { readConfig } from '../../src/config/index.ts'
import { connect } from '../../src/http/index.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { bootId, snapshots } from '../support/buffer.ts'
import { outputKinds } from '../support/outputs.ts'
import { answerOf, rawServer } from '../support/raw.ts'
import { temporary } from '../support/servers.ts'

test('spooled samples of an earlier boot for a removed output expire once a receiver has confirmed the time', async (t) => {
  const directory = temporary(t)
  const environment = { STATE_DIRECTORY: directory, HOME: '/nonexistent' }
  const file = `${temporary(t)}/config.json`
  await writeFile(file, JSON.stringify({ remote_write: [{ name: 'known', url: 'http://127.0.0.1:1/' }] }))
  const flags = new Map([['config.file', file]])
  const config = await readConfig({ flags, environment, collectors: [], outputKinds })
  const world = { clock: systemClock, log: silent, bootId }
  const manifest = { remembered: {}, isEnded: true, outputs: ['no more'] }
  const run = await createRun(config.buffer, world, { manifest, sync: 'always' })
  run.cursor('no more')
  run.append(snapshots()(1))
  await run.close()

  const later = { ...systemClock, now: () => systemClock.now() + 3 * 86_400_000 }
  let skewMs: number | undefined
  const deps: SpoolDeps = {
    ...{ clock: later, log: silent, bootId: bootId.replaceAll('0', '9'), skewMs: () => skewMs },
    connect: () => Promise.reject(new Error('nothing is to be sent')),
  }
  const leftAfter = async (told: number | undefined) => {
    skewMs = told
    const spool = new Spool(config, deps, { replaced: new Set() })
    await spool.deliver('known', new AbortController().signal)
    await spool.expire(new AbortController().signal)
    return (await spooledRuns(directory)).length
  }
  assert.equal(await leftAfter(undefined), 1)
  assert.equal(await leftAfter(86_400_000), 1) // the receiver's time shows that this clock is wrong
  assert.equal(await leftAfter(200), 0)
  assert.deepEqual(await readdir(`${directory}/spool`), [])
})

test('samples of earlier commands are delivered before the command collects', async (t) => {
  const { port, requests } = await rawServer(t, (socket) => void socket.write(answerOf(204)))
  const environment = { STATE_DIRECTORY: temporary(t), HOME: '/nonexistent' }
  const file = `${temporary(t)}/config.json`
  await writeFile(file, JSON.stringify({ remote_write: [{ name: 'known', url: `http://127.0.0.1:${port}/` }] }))
  const config = await readConfig({ flags: new Map([['config.file', file]]), environment, collectors: [], outputKinds })
  const deps = { clock: systemClock, log: silent, bootId, connect }
  const make = snapshots()
  const at = (number: number) => ({ ...make(number), timestampMs: Math.floor(systemClock.now()) - 60_000 / number })
  const earlier = await createRun(config.buffer, deps, {
    manifest: { remembered: {}, isEnded: true, outputs: ['known'] },
    sync: 'always',
  })
  earlier.cursor('known')
  earlier.append(at(1))
  await earlier.close()

  const run = await openBatchRun(config, deps, { sync: 'end' })
  await run.deliverSpool(AbortSignal.timeout(20_000))
  assert.equal(requests.length, 1)
  let requestsBefore = 0
  const last = async () => {
    requestsBefore = requests.length
    return { snapshots: [at(2)] }
  }
  const [result] = await run.finish(last, AbortSignal.timeout(20_000))
  assert.deepEqual([requestsBefore, requests.length, result?.kept], [1, 2, 0])
})
