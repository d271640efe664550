import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createAgent } from '../../src/agent.ts'
import { type BufferOptions, openForReading } from '../../src/buffer/index.ts'
import { readConfig } from '../../src/config/index.ts'
import { createReceiver, type Receiver } from '../../src/demo-receiver/receiver.ts'
import { connect } from '../../src/http/transport/connection.ts'
import type { Snapshot } from '../../src/metrics/index.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { numbers, valuesAt } from '../faults/numbers.ts'
import { outputKinds } from '../support/outputs.ts'
import { temporary } from '../support/servers.ts'
import { until } from './scene.ts'

/** The slow endpoint gets every sixth slot: 300 ms of 50 ms. */
const everySlots = 6

async function receivers(t: TestContext): Promise<readonly [fast: Receiver, slow: Receiver]> {
  const make = () => createReceiver({ listen: { host: '127.0.0.1', port: 0 }, ledger: true })
  const both = [await make(), await make()] as const
  t.after(() => Promise.all(both.map((one) => one.close())))
  return both
}

/** The counter value collected at each timestamp. */
const countsOf = ({ ledger }: Receiver) =>
  new Map(
    ledger
      .filter(({ series }) => series.startsWith('fault_number'))
      .map(({ timestampMs, value }) => [timestampMs, value]),
  )

test('each of two endpoints gets its own interval, correct counters and the last snapshot before a stop', async (t) => {
  const [fast, slow] = await receivers(t)
  const file = join(temporary(t), 'config.json')
  const common = { metadata_config: { send: false }, queue_config: { pacing: 'off' } }
  const remoteWrite = [
    { name: 'fast', url: `${fast.url}/api/v1/write`, ...common },
    { name: 'slow', url: `${slow.url}/api/v1/write`, interval: '300ms', ...common },
  ]
  const shape = {
    global: { scrape_interval: '50ms' },
    remote_write: remoteWrite,
    buffer: { directory: join(temporary(t), 'buffer') },
    web: { listen_address: [] },
  }
  writeFileSync(file, JSON.stringify(shape))
  const config = await readConfig({
    flags: new Map([['config.file', file]]),
    environment: {},
    collectors: [numbers],
    outputKinds,
  })
  const agent = await createAgent(config, { clock: systemClock, log: silent, connect })
  const stop = new AbortController()
  const running = agent.run(stop.signal)
  await until(() => countsOf(slow).size >= 6)
  stop.abort()
  assert.deepEqual(await running, [])
  const [all, some] = [countsOf(fast), countsOf(slow)]
  assert.ok(some.size < all.size / 2, `${some.size} of ${all.size}`)
  for (const [timestampMs, count] of some) assert.equal(count, all.get(timestampMs))
  const snapshots = await snapshotsIn(config.buffer)
  assert.deepEqual(
    snapshots.map(({ timestampMs }) => timestampMs),
    [...all.keys()],
  )
  const isWanted = ({ slot, isLast }: Snapshot) => isLast || slot === undefined || slot % everySlots === 0
  const wanted = snapshots.filter(isWanted).map(({ timestampMs }) => timestampMs)
  assert.deepEqual([...some.keys()], wanted)
  assert.deepEqual(markersOf(slow), markersBetween(wanted))
})

/** All snapshots in the buffer of an agent that has ended. */
async function snapshotsIn(options: BufferOptions): Promise<readonly Snapshot[]> {
  const buffer = await openForReading(options, { clock: systemClock, log: silent, bootId: '' })
  const reader = buffer.reader(0)
  const found: Snapshot[] = []
  for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) found.push(entry.snapshot)
  await reader.close()
  await buffer.close()
  return found
}

const markersOf = ({ ledger }: Receiver) =>
  ledger.flatMap(({ series, timestampMs, stale }) =>
    stale ? [`${timestampMs} ${/part="(\d+)"/.exec(series)?.[1]}`] : [],
  )

/** Stale markers expected by a receiver that got the snapshots with these timestamps. */
function markersBetween(times: readonly number[]): readonly string[] {
  return times.flatMap((time, i) => {
    const before = i === 0 ? [] : [...valuesAt(times[i - 1] ?? 0).keys()]
    return before.filter((part) => !valuesAt(time).has(part)).map((part) => `${time} ${part}`)
  })
}
