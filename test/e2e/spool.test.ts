import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { enterQueue } from '../../src/buffer/lock/fifo-queue.ts'
import { turns, turnsIn } from '../../src/buffer/paths.ts'
import { headerBytes } from '../../src/buffer/segment/format.ts'
import { systemClock } from '../../src/util/clock.ts'
import { freePort, hostpush, type Running, startPrometheus, startPushgateway, temporary } from '../support/servers.ts'

/* A spool for one output does not delay other outputs. */

const nowhere = async () => `http://127.0.0.1:${await freePort()}`

interface Pushed {
  readonly state: string
  readonly config: object
  readonly timeout: string
}

function push(t: TestContext, { state, config, timeout }: Pushed, text: string): Running {
  const folder = temporary(t)
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ instance: 'h', ...config }))
  writeFileSync(join(folder, 'metrics'), text)
  const args = ['push', '--job=j', `--config.file=${folder}/config.json`, `--timeout=${timeout}`, `${folder}/metrics`]
  return hostpush(t, args, { STATE_DIRECTORY: state })
}

async function pushed(t: TestContext, how: Pushed, text: string) {
  const running = push(t, how, text)
  return { status: await running.ended, output: running.output() }
}

const runsIn = (state: string) => readdirSync(join(state, 'spool')).filter((name) => name !== 'queue')

test('reachable outputs get each push at once, even if another output has a backlog', async (t) => {
  const [prometheus, gateway] = [await startPrometheus(t), await startPushgateway(t)]
  if (prometheus === undefined || gateway === undefined) return
  const state = temporary(t)
  const config = {
    remote_write: [
      { name: 'away', url: `${await nowhere()}/api/v1/write` },
      { name: 'there', url: `${prometheus.url}/api/v1/write` },
    ],
    pushgateway: [
      { name: 'away', url: await nowhere() },
      { name: 'there', url: gateway.url },
    ],
  }
  for (const value of [1, 2]) {
    const { status, output } = await pushed(t, { state, config, timeout: '3s' }, `rows ${value}\n`)
    assert.equal(status, 3, output)
    assert.match(output, /kept in the buffer .* for away .* for away .*; delivered: 1 sample to there .*, there /)
    assert.equal((await prometheus.query('rows'))[0]?.value[1], String(value))
    assert.ok((await gateway.lines()).includes(`rows{instance="h",job="j"} ${value}`))
  }
  const outputs = runsIn(state).map(
    (id) => JSON.parse(readFileSync(join(state, 'spool', id, 'run.json'), 'utf8')).outputs,
  )
  assert.deepEqual(outputs, Array(2).fill(['away', 'pushgateway:away']))
})

test('an unreachable output does not delay a command without samples for it', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const state = temporary(t)
  const there = { name: 'there', url: gateway.url }
  const both = { pushgateway: [{ name: 'away', url: await nowhere() }, there] }
  const slow = push(t, { state, config: both, timeout: '60s' }, 'rows 1\n')
  while (!(await gateway.lines()).some((line) => line.startsWith('rows{'))) await sleep(20)
  for (const value of [2, 3]) {
    const config = { pushgateway: [there] }
    const { status, output } = await pushed(t, { state, config, timeout: '50s' }, `rows ${value}\n`)
    assert.equal(status, 0, output)
    assert.ok((await gateway.lines()).includes(`rows{instance="h",job="j"} ${value}`))
  }
  assert.equal(slow.child.exitCode, null)
  slow.child.kill('SIGTERM')
  assert.equal(await slow.ended, 3)
  const [left = ''] = runsIn(state)
  assert.deepEqual(JSON.parse(readFileSync(join(state, 'spool', left, 'run.json'), 'utf8')).outputs, [
    'pushgateway:away',
  ])
})

test('a newer spooled log is not delivered before older samples', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const state = temporary(t)
  const config = { remote_write: [{ name: 'p', url: `${prometheus.url}/api/v1/write` }] }
  const place = await enterQueue(turnsIn(state), { clock: systemClock }, [turns.at('p')])
  const early = push(t, { state, config, timeout: '60s' }, 'rows 1\n')
  while (!existsSync(join(state, 'spool')) || runsIn(state).every((id) => !existsSync(join(state, 'spool', id, 'log'))))
    await sleep(20)
  while (readdirSync(turnsIn(state)).filter((name) => /^\d+$/.test(name)).length < 2) await sleep(20)
  assert.equal((await pushed(t, { state, config, timeout: '2s' }, 'rows 2\n')).status, 3)
  await place.leave()
  assert.equal(await early.ended, 0, early.output())
  assert.equal(runsIn(state).length, 1)
  assert.equal((await pushed(t, { state, config, timeout: '20s' }, 'rows 3\n')).status, 0)
  assert.deepEqual(runsIn(state), [])
  const [series] = await prometheus.query('rows[1h]')
  assert.deepEqual(
    series?.values?.map(([, value]) => value),
    ['1', '2', '3'],
  )
})

test('samples are collected and written before the spool is delivered, however long the delivery takes', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const state = temporary(t)
  const config = (url: string) => ({ remote_write: [{ name: 'p', url: `${url}/api/v1/write` }] })
  const away = config(await nowhere())
  assert.equal((await pushed(t, { state, config: away, timeout: '1500ms' }, 'rows 1\n')).status, 3)
  const slow = push(t, { state, config: away, timeout: '60s' }, 'rows 2\n')
  const bytesIn = (id: string) =>
    statSync(join(state, 'spool', id, 'log', '0000000000000001.segment'), { throwIfNoEntry: false })?.size ?? 0
  const isWritten = (id: string) => bytesIn(id) > headerBytes
  while (runsIn(state).filter(isWritten).length < 2 && slow.child.exitCode === null) await sleep(20)
  assert.equal(slow.child.exitCode, null)
  slow.child.kill('SIGKILL')
  await slow.ended
  const there = await pushed(t, { state, config: config(prometheus.url), timeout: '20s' }, 'rows 3\n')
  assert.equal(there.status, 0, there.output)
  const [series] = await prometheus.query('rows[1h]')
  assert.deepEqual(
    series?.values?.map(([, value]) => value),
    ['1', '2', '3'],
  )
  assert.deepEqual(runsIn(state), [])
})

test('hundreds of spooled logs for other outputs are not opened; expired ones are dropped a few at a time', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const state = temporary(t)
  const away = { remote_write: [{ name: 'away', url: `${await nowhere()}/api/v1/write` }] }
  assert.equal((await pushed(t, { state, config: away, timeout: '1500ms' }, 'rows 1\n')).status, 3)
  const [first = ''] = runsIn(state)
  for (let i = 1; i <= 300; i++)
    cpSync(join(state, 'spool', first), join(state, 'spool', `${first.slice(0, 15)}-1-copy${i}`), { recursive: true })
  const there = { remote_write: [{ name: 'there', url: `${prometheus.url}/api/v1/write` }] }
  const good = await pushed(t, { state, config: there, timeout: '20s' }, 'rows 2\n')
  assert.equal(good.status, 0, good.output)
  assert.equal(runsIn(state).length, 301)
  const short = { ...there, buffer: { max_age: '1ms' } }
  const late = await pushed(t, { state, config: short, timeout: '20s' }, 'rows 3\n')
  assert.equal(late.status, 0, late.output)
  const left = runsIn(state).length
  assert.ok(left < 301 && left > 200, `${left} are left`)
})

test('a command that times out in the queue reports it, sends nothing out of order and loses nothing', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const state = temporary(t)
  const config = { pushgateway: [{ name: 'gw', url: gateway.url }] }
  const place = await enterQueue(turnsIn(state), { clock: systemClock }, [turns.at('pushgateway:gw')])
  const early = await pushed(t, { state, config, timeout: '500ms' }, 'rows 1\n')
  assert.equal(early.status, 3)
  assert.match(
    early.output,
    /: 1 of 1 sample for gw \(\S+\): timeout while other commands on this host were delivering\n$/,
  )
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify({ instance: 'h', ...config }))
  const words = ['exec', '--job=late', '--interval=100ms', '--timeout=4s', `--config.file=${file}`]
  const exec = hostpush(t, [...words, '--', 'sleep', '0.5'], { STATE_DIRECTORY: state })
  assert.equal(await exec.ended, 0)
  assert.match(exec.output(), /: timeout while other commands on this host were delivering\n$/)
  assert.deepEqual(await gateway.groups(), [])
  await place.leave()
  assert.equal((await pushed(t, { state, config, timeout: '20s' }, 'more 1\n')).status, 0)
  assert.deepEqual((await gateway.lines()).filter((line) => /^(rows|more)\{/.test(line)).length, 2)
})
