import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { counter, family, gauge } from '../../src/metrics/family.ts'
import type { OwnStat } from '../../src/web/registry.ts'
import { cycleOf, host, load1, samples, serve } from './server.ts'

const sent = counter('prometheus_remote_storage_samples_total', 'Samples sent.', ['remote_name', 'url'])
const pending = gauge('prometheus_remote_storage_samples_pending', 'Samples waiting.', ['remote_name'])
const alone = gauge('hostpush_buffer_bytes', 'Bytes on disk.')

const own = (text: string) => samples(text).filter((line) => /^(?:prometheus|hostpush|promhttp)_/.test(line))

test('self metrics are read at each request', async (t) => {
  let rows: OwnStat[] = []
  const { web, get } = await serve(t, { disableExporterMetrics: true }, { own: () => rows })
  web.onSnapshot(host())
  assert.deepEqual(own((await get('/metrics')).text), [])
  rows = [
    { family: pending, labels: { remote_name: 'b' }, value: 2 },
    { family: pending, labels: { remote_name: 'a' }, value: 1 },
    { family: sent, labels: { remote_name: 'a', url: 'http://x/"' }, value: 3e9 },
    { family: alone, value: 0 },
  ]
  assert.deepEqual(own((await get('/metrics')).text), [
    'hostpush_buffer_bytes 0',
    'prometheus_remote_storage_samples_pending{remote_name="a"} 1',
    'prometheus_remote_storage_samples_pending{remote_name="b"} 2',
    'prometheus_remote_storage_samples_total{remote_name="a",url="http://x/\\""} 3e+09',
  ])
  rows = [{ family: pending, labels: { remote_name: 'b' }, value: 5 }]
  assert.deepEqual(own((await get('/metrics')).text), ['prometheus_remote_storage_samples_pending{remote_name="b"} 5'])
})

test('the parts of a summary are one family', async (t) => {
  const part = (suffix: '_sum' | '_count') => family('summary', 'hostpush_send_seconds', 'Time to send.', [], suffix)
  const rows = [
    { family: part('_sum'), value: 1.5 },
    { family: part('_count'), value: 3 },
  ]
  const { web, get } = await serve(t, { disableExporterMetrics: true }, { own: () => rows })
  web.onSnapshot(host())
  const { text } = await get('/metrics')
  assert.ok(
    text.includes(
      '# TYPE hostpush_send_seconds summary\nhostpush_send_seconds_count 3\nhostpush_send_seconds_sum 1.5\n',
    ),
  )
})

test('a family in self metrics and in the snapshot is on the page once, with the newer value', async (t) => {
  const rows = [{ family: pending, labels: { remote_name: 'a' }, value: 9 }]
  const { web, get } = await serve(t, {}, { own: () => rows })
  web.onSnapshot(
    cycleOf(
      [['loadavg', [[load1, 1]]]],
      [
        [pending, 4, { remote_name: 'a' }],
        [pending, 4, { remote_name: 'z' }],
      ],
    ),
  )
  const { text } = await get('/metrics')
  assert.deepEqual(own(text).slice(0, 2), [
    'prometheus_remote_storage_samples_pending{remote_name="a"} 9',
    'prometheus_remote_storage_samples_pending{remote_name="z"} 4',
  ])
  const types = text.split('\n').filter((line) => line.startsWith('# TYPE'))
  assert.equal(new Set(types).size, types.length)
  assert.deepEqual(types, types.toSorted())
})

test("a collector's family with the name of a self metric and another type is omitted", async (t) => {
  const stranger = counter('nodejs_version_info', 'Of another program.', ['app'])
  const { web, get } = await serve(t)
  web.onSnapshot(
    cycleOf([
      [
        'loadavg',
        [
          [stranger, 1, { app: 'x' }],
          [load1, 1],
        ],
      ],
    ]),
  )
  const { text } = await get('/metrics')
  assert.ok(text.includes('# TYPE nodejs_version_info gauge\n'))
  assert.ok(!text.includes('app="x"'))
})

test('the handler counts an answer after sending it', async (t) => {
  const { web, get } = await serve(t)
  await get('/metrics')
  web.onSnapshot(host())
  await get('/metrics?collect[]=nope')
  const expected = (ok: number) => [
    'promhttp_metric_handler_errors_total{cause="encoding"} 0',
    'promhttp_metric_handler_errors_total{cause="gathering"} 0',
    'promhttp_metric_handler_requests_in_flight 1',
    `promhttp_metric_handler_requests_total{code="200"} ${ok}`,
    'promhttp_metric_handler_requests_total{code="500"} 0',
    'promhttp_metric_handler_requests_total{code="503"} 1',
  ]
  assert.deepEqual(own((await get('/metrics')).text), expected(0))
  assert.deepEqual(own((await get('/metrics')).text), expected(1))
})

test("Node's metrics are on the page, without those that wake an idle process", async (t) => {
  const { web, get } = await serve(t)
  web.onSnapshot(host())
  const names = (await get('/metrics')).text.match(/(?<=^# TYPE )nodejs_\S+/gm)
  assert.deepEqual(names, [
    'nodejs_active_resources',
    'nodejs_external_memory_bytes',
    'nodejs_heap_size_total_bytes',
    'nodejs_heap_size_used_bytes',
    'nodejs_heap_space_size_available_bytes',
    'nodejs_heap_space_size_total_bytes',
    'nodejs_heap_space_size_used_bytes',
    'nodejs_version_info',
  ])
})

test("exporter metrics can be disabled; a collector's metrics with such names stay", async (t) => {
  const { web, get } = await serve(t, { disableExporterMetrics: true })
  const started = gauge('process_start_time_seconds', 'When a process began.', ['app'])
  const { snapshot, parts } = cycleOf(
    [['loadavg', [[started, 5, { app: 'x' }]]]],
    [[gauge('process_open_fds', 'Open descriptors.'), 9]],
  )
  web.onSnapshot({ snapshot, parts })
  const { text } = await get('/metrics')
  assert.deepEqual(text.match(/^(?:nodejs|process|promhttp)_.*/gm), ['process_start_time_seconds{app="x"} 5'])
})

test('failing self metrics affect no other metrics, are counted, and logged once', async (t) => {
  let broken = true
  const own = () => {
    if (broken) throw new Error('no numbers')
    return []
  }
  const { web, get, logged } = await serve(t, {}, { own })
  web.onSnapshot(host())
  for (let i = 0; i < 3; i++) {
    const { status, text } = await get('/metrics')
    assert.equal(status, 200)
    assert.ok(text.includes('\nnode_load1 0.21\n'))
  }
  assert.equal(logged.filter((line) => line.startsWith('warn Self metrics failed')).length, 1)
  broken = false
  assert.ok((await get('/metrics')).text.includes('promhttp_metric_handler_errors_total{cause="gathering"} 3\n'))
})

test('prom-client is loaded by the first request for metrics, the HTTP server by the first listener', () => {
  const program = `
    import { createRequire } from 'node:module'
    import { systemClock } from './src/util/clock.ts'
    import { silent } from './src/util/log.ts'
    import { createWeb } from './src/web/index.ts'
    const seen = () => [
      process.moduleLoadList.includes('NativeModule http'),
      Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('prom-client')),
    ]
    const none = () => []
    const deps = { clock: systemClock, log: silent, program: { name: 'a', version: 'b' }, own: none, status: none,
      enabledCollectors: [], allCollectors: [] }
    const web = (...listenAddresses) => createWeb({ listenAddresses, listenAddressesNamed: true, sockets: [],
      telemetryPath: '/metrics', maxRequests: 1, disableExporterMetrics: false }, deps)
    const silentWeb = web()
    await silentWeb.listen()
    silentWeb.onSnapshot({ snapshot: { timestampMs: 0, series: [], values: new Float64Array() }, parts: [] })
    const loaded = [seen()]
    const open = web('127.0.0.1:0')
    const [address] = await open.listen()
    open.onSnapshot({ snapshot: { timestampMs: 0, series: [], values: new Float64Array() }, parts: [] })
    loaded.push(seen())
    const get = async (path) => {
      await (await fetch('http://' + address + path)).text()
      loaded.push(seen())
    }
    await get('/')
    await get('/metrics')
    await open.stop(AbortSignal.abort())
    console.log(JSON.stringify(loaded))`
  const options = { encoding: 'utf8', cwd: new URL('../..', import.meta.url) } as const
  const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', program], options)
  assert.deepEqual(JSON.parse(loaded), [
    [false, false],
    [true, false],
    [true, false],
    [true, true],
  ])
})
