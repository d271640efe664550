import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  eventually,
  freePort,
  hostpush,
  type Prometheus,
  startPrometheus,
  startPushgateway,
  temporary,
} from '../support/servers.ts'

/* `hostpush once` with real servers, and later deliveries of its spool. */

interface Place {
  readonly state: string
  once(url: string, ...more: readonly string[]): Promise<{ status: number | string | null; text: string }>
  left(): readonly string[]
}

/** A buffer directory, and a configuration of one endpoint with a constant name and a changing URL. */
function place(t: TestContext, more: object = {}): Place {
  const state = temporary(t)
  return {
    state,
    async once(url, ...args) {
      const config = configFile(t, { remote_write: [{ url: `${url}/api/v1/write` }], ...more })
      const running = hostpush(t, ['once', `--config.file=${config}`, ...args], { STATE_DIRECTORY: state })
      const status = await running.ended
      return { status, text: running.output() }
    },
    left: () => readdirSync(join(state, 'spool')).filter((name) => name !== 'queue'),
  }
}

function configFile(t: TestContext, config: object): string {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify({ instance: 'h', job: 'batch', ...config }))
  return file
}

const samplesOf = async (prometheus: Prometheus, series: string) =>
  Number((await prometheus.query(`count_over_time(${series}[10m])`))[0]?.value[1] ?? 0)

/** For an unreachable endpoint: long enough for a refused connection on a busy machine. */
const soon = '--timeout=3s'

const nowhere = async () => `http://127.0.0.1:${await freePort()}`

test('the collected samples arrive, the spool is empty, and no series gets a stale marker', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const here = place(t)
  const { status, text } = await here.once(prometheus.url, '--timeout=12345ms') // its fractions are not whole numbers
  assert.equal(status, 0, text)
  assert.match(text, /^hostpush: delivered: \d+ samples to default \(http:\S+\)\n$/)
  assert.deepEqual(here.left(), [])
  const [up] = await prometheus.query('up{instance="h",job="batch"}')
  assert.equal(up?.value[1], '1')
  assert.equal((await prometheus.query('{__name__=~"scrape_.*"}')).length, 4)
  assert.deepEqual(await prometheus.query('{__name__=~"process_.*|hostpush_.*"}'), [])
})

test('with an unreachable endpoint the samples stay in the buffer, and the next command delivers them first', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const here = place(t)
  for (let i = 1; i <= 2; i++) {
    const { status, text } = await here.once(await nowhere(), soon)
    assert.equal(status, 3, text)
    assert.match(
      text,
      /^hostpush: kept in the buffer [^\n]*: (\d+) of \1 samples for default \(http:\S+\): .*ECONNREFUSED/,
    )
    assert.equal(here.left().length, i)
  }
  const { status, text } = await here.once(prometheus.url)
  assert.equal(status, 0, text)
  assert.deepEqual(here.left(), [])
  assert.equal(await samplesOf(prometheus, 'node_load1{instance="h",job="batch"}'), 3)
})

test('a killed command loses no collected sample', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const here = place(t)
  const silent = createServer(() => {}) // accepts a connection and never answers
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.after(() => silent.close())
  const address = silent.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/api/v1/write`
  const asked = new Promise<void>((resolve) =>
    silent.once('connection', (socket) => {
      t.after(() => socket.destroy())
      socket.once('data', () => resolve())
    }),
  )
  const config = configFile(t, { remote_write: [{ url }] })
  const running = hostpush(t, ['once', `--config.file=${config}`, '--timeout=30s'], { STATE_DIRECTORY: here.state })
  await asked
  running.child.kill('SIGKILL')
  await running.ended
  assert.equal(here.left().length, 1)
  const { status, text } = await here.once(prometheus.url)
  assert.equal(status, 0, text)
  assert.deepEqual(here.left(), [])
  assert.equal(await samplesOf(prometheus, 'node_load1{instance="h",job="batch"}'), 2)
})

test('an endpoint that never answers does not delay the command beyond the timeout', async (t) => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  t.after(() => silent.close())
  await new Promise((resolve) => silent.once('listening', resolve))
  silent.on('connection', (socket) => t.after(() => socket.destroy()))
  const address = silent.address()
  const here = place(t)
  const begun = performance.now()
  const { status, text } = await here.once(
    `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    '--timeout=2s',
  )
  const took = performance.now() - begun
  assert.equal(status, 3, text)
  assert.match(text, /: timeout before delivery: no answer for \d\.\d s\n$/)
  assert.ok(took < 10_000, `${took} ms, with a start from source on a busy machine`)
})

test('with a buffer in memory, undelivered samples are lost and reported as lost', async (t) => {
  const here = place(t, { buffer: { mode: 'memory' } })
  const { status, text } = await here.once(await nowhere(), soon)
  assert.equal(status, 1, text)
  assert.match(text, /^hostpush: lost: (\d+) of \1 samples for default/)
  assert.deepEqual(readdirSync(here.state), [])
})

test('an unusable buffer directory is logged, and samples are still delivered', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const { status, text } = await place(t, { buffer: { directory: '/dev/null/x' } }).once(prometheus.url)
  assert.equal(status, 0, text)
  assert.match(
    text,
    /^\S+ level=ERROR msg="Buffer directory is not usable[^\n]* hint="set buffer\.directory [^\n]*\nhostpush: delivered: /,
  )
})

test('a Pushgateway gets the last snapshot; a spooled one only if nothing newer replaces it', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const state = temporary(t)
  const once = async (url: string, ...args: readonly string[]) => {
    const config = configFile(t, { pushgateway: [{ url }] })
    const running = hostpush(t, ['once', `--config.file=${config}`, ...args], { STATE_DIRECTORY: state })
    return { status: await running.ended, text: running.output() }
  }
  assert.equal((await once(await nowhere(), soon)).status, 3)
  const { status, text } = await once(gateway.url)
  assert.equal(status, 0, text)
  assert.deepEqual(readdirSync(join(state, 'spool')), ['queue'])
  const lines = (await gateway.lines()).filter((line) => line.startsWith('node_load1{'))
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /instance="h",job="batch"/)
})

test('a running agent delivers the spool with its original labels, and no command pushes the agent’s series', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const here = place(t)
  const { status, text } = await here.once(await nowhere(), soon)
  assert.equal(status, 3, text)
  const config = configFile(t, {
    instance: 'new-name',
    remote_write: [{ url: `${prometheus.url}/api/v1/write` }],
    global: { scrape_interval: '1s' },
  })
  const agent = hostpush(t, ['run', `--config.file=${config}`, '--web.listen-address='], {
    STATE_DIRECTORY: here.state,
  })
  await eventually(
    async () => here.left().length,
    (left) => left === 0,
  )
  assert.equal(await samplesOf(prometheus, 'node_load1{instance="h",job="batch"}'), 1)
  const again = hostpush(t, ['once', `--config.file=${config}`], { STATE_DIRECTORY: here.state })
  assert.equal(await again.ended, 1)
  assert.match(again.output(), /nothing is sent: the agent with pid \d+ pushes these very series to http/)
  const other = await here.once(prometheus.url)
  assert.equal(other.status, 0, other.text)
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 0)
  assert.doesNotMatch(agent.output(), /refused|rejected/)
})

test('ten parallel pushes of one job while an agent runs: each arrives, none is rejected, the spool is empty', async (t) => {
  const [prometheus, gateway] = [await startPrometheus(t), await startPushgateway(t)]
  if (prometheus === undefined || gateway === undefined) return
  const state = temporary(t)
  const config = configFile(t, {
    remote_write: [{ url: `${prometheus.url}/api/v1/write` }],
    pushgateway: [{ url: gateway.url, job: 'agent' }],
    global: { scrape_interval: '1s' },
    web: { listen_address: [] },
  })
  const agent = hostpush(t, ['run', `--config.file=${config}`], { STATE_DIRECTORY: state })
  await agent.until(/Agent running/)
  const file = join(temporary(t), 'metrics')
  writeFileSync(file, 'rows_total 1\n')
  const args = ['push', '--job=many', '--timeout=30s', `--config.file=${config}`, file]
  const pushes = Array.from({ length: 10 }, () => hostpush(t, args, { STATE_DIRECTORY: state }))
  for (const one of pushes) assert.equal(await one.ended, 0, one.output())
  assert.equal(await samplesOf(prometheus, 'rows_total{instance="h",job="many"}'), 10)
  assert.equal((await gateway.lines()).filter((line) => line.startsWith('rows_total{')).length, 1)
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 0)
  assert.doesNotMatch(agent.output(), /refused|rejected|left out/)
  assert.deepEqual(readdirSync(join(state, 'spool')), ['queue'])
})
