import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { staleEnd } from '../../src/batch/spool-logs.ts'
import { connect } from '../../src/http/transport/connection.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { Endpoint } from '../../src/remote-write/endpoint.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { bootId, openLog } from '../support/buffer.ts'
import { createFaultyReceiver, type FaultPlan } from '../support/faulty-receiver.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'
import { endpointOptions } from './options.ts'
import { temperature, until } from './scene.ts'

/** A receiver, and several agents one after another on the same buffer directory. */
async function scene(t: TestContext) {
  const script: (FaultPlan | undefined)[] = []
  const receiver = await createFaultyReceiver({
    ledger: true,
    faultPlan: () => script.shift(),
  })
  t.after(() => receiver.close())
  let disk = new SimulatedDisk()
  let newestMs = Math.floor(Date.now() / 1000) * 1000 - 600_000
  /** Starts an agent, optionally with other labels. */
  const start = async (instance = 'h', name = 'default') => {
    const buffer = await openLog(disk, {}, { bootId })
    const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance }))
    const endpoint = new Endpoint(endpointOptions(`${receiver.url}/api/v1/write`, { name, timeoutMs: 1000 }), {
      clock: systemClock,
      log: silent,
      cursor: buffer.cursor(name),
      sender: await connect(receiver.url),
      userAgent: 'test/1',
    })
    const append = (snapshot: Snapshot) => {
      newestMs = snapshot.timestampMs
      buffer.append(snapshot)
    }
    return {
      endpoint,
      end: () => append(staleEnd(newestMs)),
      /** Collects a snapshot of these rooms, this time after the previous one. */
      push(rooms: readonly string[], afterMs = 1000) {
        builder.begin()
        for (const room of rooms) builder.add(temperature, newestMs, { room })
        append(builder.end(newestMs + afterMs))
        return newestMs
      },
      delivered: () => until(() => endpoint.state.backlog.snapshots === 0),
      /** Kills the process. */
      async kill() {
        disk = disk.afterKill()
        await endpoint.stop(AbortSignal.abort())
        await buffer.close()
      },
    }
  }
  const markers = () =>
    receiver.ledger
      .filter(({ stale }) => stale)
      .map(({ series, timestampMs }) => {
        const label = (name: string) => new RegExp(`${name}="(\\w+)"`).exec(series)?.[1]
        return [label('instance'), label('room'), timestampMs]
      })
  return { start, markers, script, receiver }
}

test('a series that is missing after a restart gets a stale marker with the first snapshot', async (t) => {
  const { start, markers } = await scene(t)
  const first = await start()
  first.push(['a', 'b'])
  await first.delivered()
  await first.kill()
  const second = await start()
  const at = second.push(['a'])
  await second.delivered()
  assert.deepEqual(markers(), [['h', 'b', at]])
  second.push(['a'])
  await second.delivered()
  assert.equal(markers().length, 1)
  await second.kill()
})

test('after a change of the instance label, the series with the old label get stale markers', async (t) => {
  const { start, markers } = await scene(t)
  const first = await start('old')
  first.push(['a'])
  await first.delivered()
  await first.kill()
  const second = await start('new')
  const at = second.push(['a'])
  await second.delivered()
  assert.deepEqual(markers(), [['old', 'a', at]])
  await second.kill()
})

test('after more than five minutes no stale marker is sent', async (t) => {
  const { start, markers } = await scene(t)
  const first = await start()
  first.push(['a', 'b'])
  await first.delivered()
  await first.kill()
  const second = await start()
  second.push(['a'], 300_001)
  await second.delivered()
  assert.deepEqual(markers(), [])
  await second.kill()
})

test('a stale marker that was delivered before a restart is not repeated, one that was not is still sent', async (t) => {
  const { start, markers, script, receiver } = await scene(t)
  const first = await start()
  const lastMs = first.push(['a', 'b'])
  await first.delivered()
  script.push({ status: 503, headers: { 'retry-after': '60' } })
  first.end()
  await until(() => receiver.stats.requests === 2)
  await first.kill()
  const second = await start()
  const ended = [
    ['h', 'a', lastMs + 1],
    ['h', 'b', lastMs + 1],
  ]
  await second.delivered()
  assert.deepEqual(markers(), ended)
  second.push(['a'])
  await second.delivered()
  assert.deepEqual(markers(), ended)
  await second.kill()
})

test('a new endpoint gets no stale markers', async (t) => {
  const { start, markers } = await scene(t)
  const first = await start()
  first.push(['a', 'b'])
  await first.delivered()
  await first.kill()
  const second = await start('h', 'other')
  second.push(['a'])
  await second.delivered()
  assert.deepEqual(markers(), [])
  await second.kill()
})

test('a range that had arrived when the agent was killed is recognised, including its stale markers', async (t) => {
  const { start, markers, script, receiver } = await scene(t)
  const first = await start()
  first.push(['a', 'b', 'c', 'd', 'e'])
  await first.delivered()
  script.push({ status: 503, headers: { 'retry-after': '60' } })
  first.push(['a', 'b', 'c', 'd', 'e'])
  const at = first.push(['a'])
  first.push(['a', 'f', 'g', 'h'])
  await until(() => receiver.stats.requests === 2)
  await first.kill()
  script.push(undefined, { hang: true, commit: true })
  const second = await start()
  await until(() => receiver.ledger.some(({ series }) => series.includes('room="f"')))
  await second.kill()
  const third = await start()
  await third.delivered()
  third.push(['a', 'f', 'g', 'h'])
  await third.delivered()
  const { stats } = third.endpoint
  assert.deepEqual([stats.samplesFailed, stats.replayed], [0, 1])
  assert.deepEqual([...new Set(markers().map(([, room, atMs]) => `${room} ${Number(atMs) - at}`))].sort(), [
    'b 0',
    'c 0',
    'd 0',
    'e 0',
  ])
  await third.kill()
})
