import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { createMetricsPage } from '../../src/web/metrics-page.ts'
import { createStats } from '../../src/web/stats.ts'
import { TestClock } from '../support/clock.ts'
import { host, raw, samples, serve } from './server.ts'

const noOwn = { disableExporterMetrics: true }
const builtFrom = 'node_exporter_build_info{version="1.2.3"} 1'

test('collect[] selects the samples of these collectors, late ones too, and their scrape metrics', async (t) => {
  const { web, get } = await serve(t, noOwn)
  web.onSnapshot(host())
  for (const query of ['collect[]=cpu', 'collect%5B%5D=cpu', 'collect[]=cpu&collect[]=cpu']) {
    assert.deepEqual(samples((await get(`/metrics?${query}`)).text), [
      'node_cpu_seconds_total{cpu="0",mode="idle"} 100',
      'node_cpu_seconds_total{cpu="0",mode="user"} 4.5',
      'node_cpu_seconds_total{cpu="1",mode="user"} 7',
      builtFrom,
      'node_scrape_collector_duration_seconds{collector="cpu"} 0.25',
      'node_scrape_collector_success{collector="cpu"} 1',
    ])
  }
})

test('exclude[] omits collectors, and ignores unknown names', async (t) => {
  const { web, get } = await serve(t, noOwn)
  web.onSnapshot(host())
  assert.deepEqual(samples((await get('/metrics?exclude[]=cpu&exclude[]=nope&exclude[]=wifi')).text), [
    builtFrom,
    'node_load1 0.21',
    'node_scrape_collector_duration_seconds{collector="loadavg"} 0.25',
    'node_scrape_collector_duration_seconds{collector="nfs"} 0.25',
    'node_scrape_collector_success{collector="loadavg"} 1',
    'node_scrape_collector_success{collector="nfs"} 1',
  ])
})

test('with every collector excluded there are no host metrics', async (t) => {
  const { web, get } = await serve(t, noOwn)
  web.onSnapshot(host())
  const { status, text } = await get('/metrics?exclude[]=cpu&exclude[]=loadavg&exclude[]=nfs')
  assert.equal(status, 200)
  assert.deepEqual(samples(text), [builtFrom])
})

test('a filter keeps the self metrics', async (t) => {
  const { web, get } = await serve(t)
  web.onSnapshot(host())
  const { text } = await get('/metrics?collect[]=loadavg')
  for (const name of ['process_cpu_seconds_total', 'promhttp_metric_handler_requests_total', 'nodejs_version_info'])
    assert.ok(text.includes(`\n# TYPE ${name} `), name)
})

test('requests with and without a filter do not affect each other', async (t) => {
  const { web, get } = await serve(t, noOwn)
  web.onSnapshot(host())
  const before = (await get('/metrics')).text
  await get('/metrics?collect[]=loadavg')
  assert.equal((await get('/metrics')).text, before)
})

test('a parameter without brackets is not a filter', async (t) => {
  const { web, get } = await serve(t, noOwn)
  web.onSnapshot(host())
  assert.equal((await get('/metrics?collect=loadavg&name[]=x')).text, (await get('/metrics')).text)
})

const refusals = [
  ['collect[]=nope', "Couldn't create filtered metrics handler: couldn't create collector: missing collector: nope"],
  ['collect[]=wifi', "Couldn't create filtered metrics handler: couldn't create collector: disabled collector: wifi"],
  ['collect[]=', "Couldn't create filtered metrics handler: couldn't create collector: missing collector: "],
  ['collect[]=CPU', "Couldn't create filtered metrics handler: couldn't create collector: missing collector: CPU"],
  ['collect[]=cpu+', "Couldn't create filtered metrics handler: couldn't create collector: missing collector: cpu "],
  [
    'collect[]=cpu&collect[]=wifi&collect[]=nope',
    "Couldn't create filtered metrics handler: couldn't create collector: disabled collector: wifi",
  ],
  ['collect[]=cpu&exclude[]=nfs', 'Combined collect and exclude queries are not allowed.'],
  ['collect[]=&exclude[]=', 'Combined collect and exclude queries are not allowed.'],
] as const

for (const [query, words] of refusals) {
  test(`${query} is rejected with node_exporter's text`, async (t) => {
    const { web, get } = await serve(t)
    web.onSnapshot(host())
    const { status, headers, text } = await get(`/metrics?${query}`)
    assert.equal(status, 400)
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(text, `${words}\n`)
    assert.deepEqual(web.stats.requests, { 200: 0, 500: 0, 503: 0 })
  })
}

test('a rejected filter is logged once, not at each scrape', async (t) => {
  const { web, get, logged } = await serve(t)
  web.onSnapshot(host())
  for (let i = 0; i < 3; i++) await get('/metrics?collect[]=nope')
  assert.equal(logged.filter((line) => line.includes('missing collector: nope')).length, 1)
})

test('a flood of unknown names is logged once a minute, and each name is cut to 64 characters', async (t) => {
  const clock = new TestClock()
  const { get, logged } = await serve(t, {}, { clock })
  const flood = async () => {
    for (let i = 0; i < 100; i++)
      assert.equal((await get(`/metrics?collect[]=zz${i}${'y'.repeat(10_000)}`)).status, 400)
  }
  await flood()
  await clock.pass(60_000)
  await flood()
  const lines = logged.filter((line) => line.includes('Rejected a request'))
  assert.equal(lines.length, 2)
  assert.ok(lines.join('').length < 600)
  assert.match(lines[1] ?? '', /client=127\.0\.0\.1 reason=.*collector: zz1y{61}… suppressed=100$/)
})

const thrice = (query: string) =>
  `${`GET /metrics${query} HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(2)}GET /metrics${query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`

test('requests above the limit are rejected, also with a filter, until an answer is sent', async () => {
  for (const query of ['', 'collect[]=cpu']) {
    const stats = createStats()
    const names = { enabledCollectors: ['cpu'], allCollectors: ['cpu'] }
    const deps = { log: silent, clock: systemClock, own: () => [], ...names }
    const page = createMetricsPage({ maxRequests: 2, disableExporterMetrics: false }, deps, stats)
    const ask = () =>
      page(
        { method: 'GET', path: '/metrics', query: new URLSearchParams(query), acceptEncoding: '', client: 'a' },
        host(),
      )
    const answers = [await ask(), await ask(), await ask()]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 503],
    )
    assert.equal(answers[2]?.body, 'Limit of concurrent requests reached (2), try again later.\n')
    assert.deepEqual(stats, {
      requests: { 200: 2, 500: 0, 503: 1 },
      errors: { encoding: 0, gathering: 0 },
      inFlight: 2,
    })
    answers[0]?.done?.()
    assert.equal((await ask()).status, 200)
  }
})

test('the requests of one connection are answered one at a time, in their order', async (t) => {
  const { web, port } = await serve(t, { maxRequests: 1 })
  web.onSnapshot(host())
  assert.deepEqual((await raw(port, thrice(''))).match(/(?<=HTTP\/1.1 )\d+/g), ['200', '200', '200'])
})

test('a limit of 0 means no limit', async (t) => {
  const { web, port } = await serve(t, { maxRequests: 0 })
  web.onSnapshot(host())
  assert.deepEqual((await raw(port, thrice(''))).match(/(?<=HTTP\/1.1 )\d+/g), ['200', '200', '200'])
})
