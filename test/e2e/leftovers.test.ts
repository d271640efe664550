import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { turnsIn } from '../../src/buffer/run-names.ts'
import { takeTurn } from '../../src/buffer/turn.ts'
import { systemClock } from '../../src/clock.ts'
import { freePort, hostpush, startPrometheus, startPushgateway, temporary } from '../servers.ts'

/* What earlier commands have left for one output holds up no other. */

const nowhere = async () => `http://127.0.0.1:${await freePort()}`

interface Pushed {
  readonly state: string
  readonly config: object
  readonly timeout: string
}

async function pushed(t: TestContext, { state, config, timeout }: Pushed, text: string) {
  const folder = temporary(t)
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ instance: 'h', ...config }))
  writeFileSync(join(folder, 'metrics'), text)
  const args = ['push', '--job=j', `--config.file=${folder}/config.json`, `--timeout=${timeout}`, `${folder}/metrics`]
  const running = hostpush(t, args, { STATE_DIRECTORY: state })
  return { status: await running.ended, output: running.output() }
}

const runsIn = (state: string) => readdirSync(join(state, 'runs')).filter((name) => name !== 'turn')

test('of several outputs those that answer get each push at once, whatever waits for one that is away', async (t) => {
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
    (id) => JSON.parse(readFileSync(join(state, 'runs', id, 'run.json'), 'utf8')).outputs,
  )
  assert.deepEqual(outputs, Array(2).fill(['away', 'pushgateway:away']))
})

test('hundreds of logs for somewhere else are not even opened; what is too old of them goes, little by little', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const state = temporary(t)
  const away = { remote_write: [{ name: 'away', url: `${await nowhere()}/api/v1/write` }] }
  assert.equal((await pushed(t, { state, config: away, timeout: '1500ms' }, 'rows 1\n')).status, 3)
  const [first = ''] = runsIn(state)
  for (let i = 1; i <= 300; i++)
    cpSync(join(state, 'runs', first), join(state, 'runs', `${first.slice(0, 15)}-1-copy${i}`), { recursive: true })
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

test('who waits for others until its time is over says so, sends nothing out of turn, and loses nothing', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const state = temporary(t)
  const config = { pushgateway: [{ name: 'gw', url: gateway.url }] }
  const turn = await takeTurn(turnsIn(state), systemClock, new AbortController().signal)
  const early = await pushed(t, { state, config, timeout: '500ms' }, 'rows 1\n')
  assert.equal(early.status, 3)
  assert.match(early.output, /: 1 of 1 sample for gw \(\S+\): other commands on this host delivered all the time\n$/)
  const words = ['exec', '--job=late', '--interval=100ms', '--timeout=4s', `--pushgateway=${gateway.url}`]
  const exec = hostpush(t, [...words, '--', 'sleep', '0.5'], { STATE_DIRECTORY: state })
  assert.equal(await exec.ended, 0)
  assert.match(exec.output(), /: other commands on this host delivered all the time\n$/)
  assert.deepEqual(await gateway.groups(), [])
  await turn?.release()
  assert.equal((await pushed(t, { state, config, timeout: '20s' }, 'more 1\n')).status, 0)
  assert.deepEqual((await gateway.lines()).filter((line) => /^(rows|more)\{/.test(line)).length, 2)
})
