import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { noBus, serve, startBus } from '../support/bus.ts'
import { eventually, hostpush, type Prometheus, startPrometheus, temporary } from '../support/servers.ts'

/* The end of an agent's series in a real Prometheus. */

const query = 'node_load1{instance="h"}'
/** Timestamp of the last sample, milliseconds since the epoch. */
async function newestOf(prometheus: Prometheus): Promise<number> {
  const answer = await prometheus.api(`/api/v1/query?query=${encodeURIComponent(`${query}[1m]`)}`)
  const { result } = answer as { result: readonly { readonly values: readonly (readonly [number, string])[] }[] }
  return Math.round((result[0]?.values.at(-1)?.[0] ?? 0) * 1000)
}

/** Runs an agent with systemd in this state, stops it, and returns the result of the query. */
async function afterStop(t: TestContext, prometheus: Prometheus, state: string) {
  await using bus = await startBus()
  await using _ = await serve(bus.address, 'org.freedesktop.systemd1', () => ({
    '/org/freedesktop/systemd1': { 'org.freedesktop.systemd1.Manager.SystemState': ['s', state] },
  }))
  const file = join(temporary(t), 'config.json')
  const remote_write = [{ url: `${prometheus.url}/api/v1/write` }]
  writeFileSync(file, JSON.stringify({ instance: 'h', remote_write, web: { listen_address: [] } }))
  const env = { DBUS_SYSTEM_BUS_ADDRESS: bus.address, STATE_DIRECTORY: temporary(t) }
  const agent = hostpush(t, ['run', `--config.file=${file}`], env)
  await eventually(
    () => prometheus.query(query),
    (found) => found.length === 1,
  )
  agent.child.kill('SIGTERM')
  await once(agent.child, 'exit')
  assert.match(agent.output(), /all samples delivered/)
  return prometheus.query(query)
}

test('at a shutdown of the machine, stale markers end the series 1 ms after their last sample', {
  skip: noBus,
}, async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  assert.deepEqual(await afterStop(t, prometheus, 'stopping'), [], 'an instant query finds no series that has ended')
  const lastMs = await newestOf(prometheus)
  const at = async (ms: number) =>
    (await prometheus.api(`/api/v1/query?query=${encodeURIComponent(query)}&time=${ms / 1000}`)) as {
      result: unknown[]
    }
  assert.equal((await at(lastMs)).result.length, 1)
  assert.equal((await at(lastMs + 1)).result.length, 0)
})

test('a stop of the agent alone writes no stale markers', { skip: noBus }, async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  assert.equal((await afterStop(t, prometheus, 'running')).length, 1)
})

test('a series that disappears during a restart gets a stale marker', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const file = join(temporary(t), 'config.json')
  const remote_write = [{ url: `${prometheus.url}/api/v1/write` }]
  writeFileSync(file, JSON.stringify({ instance: 'h', remote_write, web: { listen_address: [] } }))
  const env = { STATE_DIRECTORY: temporary(t) }
  const run = (...flags: string[]) => hostpush(t, ['run', `--config.file=${file}`, ...flags], env)
  const first = run()
  await eventually(
    () => prometheus.query('{__name__=~"node_load1|node_uname_info",instance="h"}'),
    (found) => found.length === 2,
  )
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  run('--no-collector.uname')
  // without a stale marker it would be visible for five minutes
  await eventually(
    () => prometheus.query('node_uname_info{instance="h"}'),
    (found) => found.length === 0,
  )
  assert.equal((await prometheus.query(query)).length, 1)
  assert.equal((await prometheus.query('count_over_time(node_uname_info{instance="h"}[5m])')).length, 1)
})
