import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  eventually,
  freePort,
  hostpush,
  type Prometheus,
  root,
  start,
  startPrometheus,
  startPushgateway,
  temporary,
} from '../support/servers.ts'

/* `hostpush exec` with real servers. */

interface Wanted {
  readonly state: string
  readonly flags: readonly string[]
  /** The command line of hostpush; default: from its source. */
  readonly as?: typeof hostpush
}

/** The installed hostpush, which starts faster. */
const installed: typeof hostpush = (t, args, env) => start(t, join(root, 'bin/hostpush'), args, env)

/** Runs a command under exec and returns its status and output. */
async function exec(t: TestContext, { state, flags, as = hostpush }: Wanted, ...words: readonly string[]) {
  const running = as(t, ['exec', ...flags, '--', ...words], { STATE_DIRECTORY: state })
  return { status: await running.ended, output: running.output() }
}

const writeTo = ({ url }: Pick<Prometheus, 'url'>) => `--remote-write.url=${url}/api/v1/write`

/** A command that ends with this status on request, so that exec pushes until then even on a busy machine. */
function held(t: TestContext, status: number) {
  const file = join(temporary(t), 'end')
  const words = ['sh', '-c', `while ! [ -e '${file}' ]; do sleep 0.05; done; exit ${status}`]
  return { words, end: () => writeFileSync(file, '') }
}

/** The spooled runs in a buffer directory. */
const leftIn = (state: string) => {
  const runs = join(state, 'spool')
  return existsSync(runs) ? readdirSync(runs).filter((name) => name !== 'queue') : []
}

/** Waits until the logs of all runs have had this number of different sizes. */
async function grown(state: string, sizes: number): Promise<void> {
  const seen = new Set<string>()
  const look = async () => {
    for (const id of leftIn(state)) {
      const logs = join(state, 'spool', id, 'log')
      const names = existsSync(logs) ? readdirSync(logs) : []
      if (names.length > 0) seen.add(`${id} ${names.map((name) => statSync(join(logs, name)).size)}`)
    }
    return seen.size
  }
  await eventually(look, (size) => size >= sizes)
}

/** The value of each series of a query result, by job_name. */
async function values(prometheus: Prometheus, query: string): Promise<Readonly<Record<string, number>>> {
  const found = await prometheus.query(query)
  return Object.fromEntries(found.map(({ metric, value }) => [metric['job_name'] ?? '', Number(value[1])]))
}

test('PromQL finds the results of runs, and a failed run does not erase the last success', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const wanted = { state: temporary(t), flags: ['--job=import', '--label=table=orders', writeTo(prometheus)] }
  const begunMs = Date.now()
  const good = await exec(
    t,
    wanted,
    'sh',
    '-c',
    'echo out; echo err >&2; dd if=/dev/zero of=/dev/null bs=1M count=2000',
  )
  assert.equal(good.status, 0)
  assert.match(good.output, /out\n/)
  assert.doesNotMatch(good.output, /hostpush/)
  const [success] = await prometheus.query('batch_job_success{job_name="import",table="orders"}')
  assert.equal(success?.value[1], '1')
  assert.deepEqual(success?.metric, {
    __name__: 'batch_job_success',
    instance: hostname(),
    job: 'node',
    job_name: 'import',
    table: 'orders',
  })
  const atSuccess = await values(prometheus, 'batch_job_last_success_timestamp_seconds')
  const bad = await exec(t, wanted, 'sh', '-c', 'kill -SEGV $$')
  assert.equal(bad.status, 139)
  assert.deepEqual(await values(prometheus, 'batch_job_exit_code'), { import: 139 })
  assert.deepEqual(await values(prometheus, 'batch_job_success == 0'), { import: 0 })
  assert.deepEqual(await values(prometheus, 'batch_job_last_success_timestamp_seconds'), atSuccess)
  assert.ok((atSuccess['import'] ?? 0) > begunMs / 1000 && (atSuccess['import'] ?? 0) < Date.now() / 1000)
  for (const [query, least, most] of [
    ['batch_job_end_timestamp_seconds - batch_job_start_timestamp_seconds - batch_job_duration_seconds', -1, 1],
    ['sum by (job_name) (max_over_time(batch_job_cpu_seconds[5m]))', 0.01, 60],
    ['max_over_time(batch_job_peak_memory_bytes[5m])', 300_000, 1e9],
    ['min_over_time(batch_job_written_bytes[5m])', 0, 1e9],
  ] as const) {
    const { import: value = Number.NaN } = await values(prometheus, query)
    assert.ok(value >= least && value <= most, `${query}: ${value}`)
  }
  assert.deepEqual(leftIn(wanted.state), [])
  for (const page of ['exec', 'cron']) {
    const text = readFileSync(join(root, `docs/${page}.md`), 'utf8')
    for (const [, query = ''] of text.matchAll(/^ {4}([a-z].*)$/gm)) await prometheus.query(query)
  }
  assert.equal((await prometheus.query('batch_job_success == 0')).length, 1)
})

test('stale markers end the host’s series with the command, and the job’s series continue', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const wanted = { state: temporary(t), flags: ['--job=j', '--interval=500ms', writeTo(prometheus)] }
  const command = held(t, 0)
  const running = exec(t, wanted, ...command.words)
  await eventually(
    () => prometheus.query('count_over_time(node_load1[5m]) >= 2'),
    ({ length }) => length === 1,
  )
  command.end()
  assert.equal((await running).status, 0)
  assert.deepEqual(await prometheus.query('node_load1'), [])
  assert.deepEqual(await prometheus.query('up'), [])
  const [load] = await prometheus.query('node_load1[5m]')
  assert.ok((load?.values.length ?? 0) >= 3, `${load?.values.length} samples`)
  assert.deepEqual(await values(prometheus, 'batch_job_success'), { j: 1 })
  const [last = Number.NaN] = load?.values.at(-1) ?? []
  const [marked] = await prometheus.query(`node_load1 @ ${(last + 0.001).toFixed(3)}`)
  assert.equal(marked, undefined)
  const [atLast] = await prometheus.query(`node_load1 @ ${last.toFixed(3)}`)
  assert.notEqual(atLast, undefined)
})

test('a running command has a start time and its usage so far', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const running = hostpush(t, ['exec', '--job=long', '--interval=1s', writeTo(prometheus), 'sleep', '30'])
  const query = 'batch_job_duration_seconds > 0.6 and batch_job_start_timestamp_seconds > 0'
  await eventually(
    () => prometheus.query(query),
    ({ length }) => length === 1,
  )
  assert.deepEqual(await prometheus.query('batch_job_exit_code'), [])
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 143)
  assert.deepEqual(await values(prometheus, 'batch_job_exit_code'), { long: 143 })
})

test('two parallel runs of one job have separate series, each with its result', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const wanted = { state: temporary(t), flags: ['--job=twice', '--interval=300ms', writeTo(prometheus)] }
  const command = held(t, 3)
  const both = [exec(t, wanted, ...command.words), exec(t, wanted, ...command.words)]
  await eventually(
    () => prometheus.query('batch_job_start_timestamp_seconds{job_name="twice"}'),
    ({ length }) => length === 2,
  )
  command.end()
  const runs = await Promise.all(both)
  assert.deepEqual(
    runs.map(({ status, output }) => [status, output]),
    [
      [3, ''],
      [3, ''],
    ],
  )
  const found = await prometheus.query('batch_job_exit_code{job_name="twice"}')
  assert.deepEqual(found.map(({ metric, value }) => `${metric['parallel']} ${value[1]}`).sort(), ['1 3', 'undefined 3'])
  assert.deepEqual(leftIn(wanted.state), [])
})

test('a job has its own group at a Pushgateway, and a failed run keeps the last success in it', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const wanted = { state: temporary(t), flags: ['--job=backup', '--label=instance=', `--pushgateway=${gateway.url}`] }
  assert.equal((await exec(t, wanted, 'true')).status, 0)
  const about = (lines: readonly string[], name: string) => lines.filter((line) => line.startsWith(`${name}{`))
  const before = about(await gateway.lines(), 'batch_job_last_success_timestamp_seconds')
  assert.match(
    before[0] ?? '',
    /^batch_job_last_success_timestamp_seconds\{instance="",job="node",job_name="backup"\} \d/,
  )
  assert.equal((await exec(t, wanted, 'false')).status, 1)
  const lines = await gateway.lines()
  assert.deepEqual(about(lines, 'batch_job_last_success_timestamp_seconds'), before)
  assert.deepEqual(about(lines, 'batch_job_exit_code'), [
    'batch_job_exit_code{instance="",job="node",job_name="backup"} 1',
  ])
  assert.equal(about(lines, 'node_load1').length, 1)
  assert.equal(about(lines, 'up').length, 0)
})

test('an unreachable endpoint does not affect the command, and the next start delivers the backlog', async (t) => {
  const state = temporary(t)
  const file = join(state, 'config.json')
  const nobody = await freePort()
  const config = (url: string) =>
    writeFileSync(file, JSON.stringify({ remote_write: [{ url: `${url}/api/v1/write`, name: 'rw' }] }))
  config(`http://127.0.0.1:${nobody}`)
  const flags = ['--job=away', '--interval=300ms', `--config.file=${file}`]
  const command = held(t, 9)
  const running = exec(t, { state, flags: [...flags, '--timeout=3s'] }, ...command.words)
  await grown(state, 6)
  command.end()
  const away = await running
  assert.equal(away.status, 9)
  assert.match(
    away.output,
    /^hostpush: kept in the buffer for the agent .*: \d+ samples for rw \(http.*\): .*ECONNREFUSED.*\n$/,
  )
  assert.equal(leftIn(state).length, 2)
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  config(prometheus.url)
  const next = await exec(t, { state, flags }, 'sh', '-c', 'exit 8')
  assert.deepEqual([next.status, next.output], [8, ''])
  assert.deepEqual(leftIn(state), [])
  const [codes] = await prometheus.query('batch_job_exit_code{job_name="away"}[5m]')
  assert.deepEqual(
    codes?.values.map(([, value]) => value),
    ['9', '8'],
  )
  const [load] = await prometheus.query('node_load1[5m]')
  assert.ok((load?.values.length ?? 0) >= 3, `${load?.values.length} samples`)
})

test('after a crash of the machine during a run, the next start delivers the backlog', async (t) => {
  const state = temporary(t)
  const file = join(state, 'config.json')
  const config = (url: string) =>
    writeFileSync(file, JSON.stringify({ remote_write: [{ url: `${url}/api/v1/write`, name: 'rw' }] }))
  config(`http://127.0.0.1:${await freePort()}`)
  const flags = ['--job=gone', '--interval=300ms', `--config.file=${file}`]
  const group = spawn(process.execPath, [join(root, 'src/cli.ts'), 'exec', ...flags, '--', 'sleep', '60'], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, STATE_DIRECTORY: state },
  })
  const ended = new Promise((resolve) => group.once('exit', resolve))
  t.after(() => group.kill('SIGKILL'))
  await grown(state, 10)
  process.kill(-(group.pid ?? 0), 'SIGKILL')
  await ended
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  config(prometheus.url)
  const once = hostpush(t, ['once', `--config.file=${file}`, '--log.level=warn'], { STATE_DIRECTORY: state })
  assert.equal(await once.ended, 0, once.output())
  assert.doesNotMatch(once.output(), /level=/)
  const [started] = await prometheus.query('batch_job_start_timestamp_seconds{job_name="gone"}[5m]')
  assert.ok((started?.values.length ?? 0) >= 2)
  assert.deepEqual(await prometheus.query('batch_job_exit_code{job_name="gone"}'), [])
  const [load] = await prometheus.query('node_load1[5m]')
  // the last one is of `once`; stale markers ended the host's series of the killed run, and the job's series continue
  const [lastSeconds = Number.NaN] = load?.values.at(-2) ?? []
  assert.ok((load?.values.length ?? 0) >= 4, `${load?.values.length} samples`)
  const countAt = async (series: string, ms: number) => (await prometheus.query(series, lastSeconds * 1000 + ms)).length
  assert.deepEqual([await countAt('node_load1', 0), await countAt('node_load1', 1)], [1, 0])
  assert.equal(await countAt('batch_job_start_timestamp_seconds{job_name="gone"}', 1), 1)
  assert.deepEqual(leftIn(state), [])
})

for (const beside of ['without an agent', 'beside an agent'] as const) {
  test(`thirty parallel runs ${beside}: nothing is lost, rejected or left in the spool`, async (t) => {
    const prometheus = await startPrometheus(t)
    const gateway = await startPushgateway(t)
    if (prometheus === undefined || gateway === undefined) return
    const state = temporary(t)
    const file = join(state, 'config.json')
    const config = {
      remote_write: [{ url: `${prometheus.url}/api/v1/write`, name: 'rw' }],
      pushgateway: [{ url: gateway.url, name: 'gw' }],
      global: { scrape_interval: '2s' },
    }
    writeFileSync(file, JSON.stringify(config))
    if (beside === 'beside an agent') {
      const agent = hostpush(t, ['run', `--config.file=${file}`, '--web.listen-address='], { STATE_DIRECTORY: state })
      await agent.until(/Agent running/)
    }
    const numbers = Array.from({ length: 30 }, (_, number) => number)
    const runs = await Promise.all(
      numbers.map(async (number) => {
        const wanted = { state, flags: [`--config.file=${file}`, `--job=j${number}`, '--timeout=60s'], as: installed }
        return exec(t, wanted, 'sh', '-c', `sleep 1; exit ${number}`)
      }),
    )
    assert.deepEqual(
      runs.map(({ status, output }) => [status, output]),
      numbers.map((number) => [number, '']),
    )
    const expected = Object.fromEntries(numbers.map((number) => [`j${number}`, number]))
    assert.deepEqual(await values(prometheus, 'batch_job_exit_code'), expected)
    const lines = (await gateway.lines()).filter((line) => line.startsWith('batch_job_exit_code{'))
    const atGateway = lines.map((line) => /job_name="(\w+)"\} (\d+)/.exec(line)?.slice(1) ?? [])
    assert.deepEqual(Object.fromEntries(atGateway.map(([name = '', code]) => [name, Number(code)])), expected)
    assert.deepEqual(leftIn(state), [])
    const { stdout } = spawnSync('pgrep', ['-f', file], { encoding: 'utf8' })
    assert.equal(stdout.split('\n').filter(Boolean).length, beside === 'beside an agent' ? 1 : 0)
  })
}
