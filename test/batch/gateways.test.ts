import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openBatchRun } from '../../src/batch/index.ts'
import { readConfig } from '../../src/config/index.ts'
import { connect } from '../../src/http/transport/connection.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { startGateway, until } from '../pushgateway/gateway.ts'
import { outputKinds } from '../support/outputs.ts'
import { temporary } from '../support/servers.ts'

test('rejected metrics of the last snapshot of a command are saved as a dead letter and reported once', async (t) => {
  const { url, requests } = await startGateway(t, ({ body }) => (body.includes('TYPE bad ') ? [400, 'no'] : undefined))
  const directory = temporary(t)
  const file = `${temporary(t)}/config.json`
  await writeFile(file, JSON.stringify({ pushgateway: [{ name: 'gw', url, interval: '100ms' }] }))
  const environment = { STATE_DIRECTORY: directory, HOME: '/nonexistent' }
  const config = await readConfig({ flags: new Map([['config.file', file]]), environment, collectors: [], outputKinds })
  const run = await openBatchRun(config, { clock: systemClock, log: silent, bootId: '', connect }, { sync: 'always' })
  const builder = new SnapshotBuilder(new SeriesTable({}))
  const begunMs = systemClock.now()
  const [good, bad] = [gauge('good', ''), gauge('bad', '')]
  const snapshot = (value: number) => {
    builder.begin()
    builder.add(good, value)
    builder.add(bad, value)
    return builder.end(begunMs + value * 1000) // each is newer than the interval
  }
  run.begin()
  for (const value of [1, 2]) {
    run.append(snapshot(value))
    await until(() => requests.some(({ method, body }) => method === 'PUT' && body.endsWith(`\ngood ${value}\n`)))
  }
  const results = await run.finish(async () => ({ snapshots: [snapshot(3)] }), AbortSignal.timeout(20_000))
  assert.deepEqual(
    results.map(({ delivered, kept, rejected, lost }) => ({ delivered, kept, refused: rejected, lost })),
    [{ delivered: 1, kept: 0, refused: 1, lost: 0 }],
  )
  assert.equal((await readdir(`${directory}/dead-letters`)).length, 1)
})
