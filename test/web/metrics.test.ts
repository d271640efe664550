import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { textOf } from '../../src/metrics/exposition/write.ts'
import { gauge } from '../../src/metrics/family.ts'
import { ask, cycleOf, host, load1, samples, serve, settled } from './server.ts'

const noOwn = { disableExporterMetrics: true }

test('the page is the last snapshot, sorted, without series that a scraper creates itself', async (t) => {
  const { web, get } = await serve(t, noOwn)
  web.onSnapshot(host())
  const { status, headers, text } = await get('/metrics')
  assert.equal(status, 200)
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores')
  assert.equal(
    text,
    `# HELP node_cpu_seconds_total Seconds a CPU spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 100
node_cpu_seconds_total{cpu="0",mode="user"} 4.5
node_cpu_seconds_total{cpu="1",mode="user"} 7
# HELP node_exporter_build_info What this was built from.
# TYPE node_exporter_build_info gauge
node_exporter_build_info{version="1.2.3"} 1
# HELP node_load1 Load average over one minute.
# TYPE node_load1 gauge
node_load1 0.21
# HELP node_scrape_collector_duration_seconds How long a collector took.
# TYPE node_scrape_collector_duration_seconds gauge
node_scrape_collector_duration_seconds{collector="cpu"} 0.25
node_scrape_collector_duration_seconds{collector="loadavg"} 0.25
node_scrape_collector_duration_seconds{collector="nfs"} 0.25
# HELP node_scrape_collector_success Whether a collector succeeded.
# TYPE node_scrape_collector_success gauge
node_scrape_collector_success{collector="cpu"} 1
node_scrape_collector_success{collector="loadavg"} 1
node_scrape_collector_success{collector="nfs"} 1
`,
  )
})

test('a later snapshot replaces the previous one', async (t) => {
  const { web, get } = await serve(t, noOwn)
  web.onSnapshot(cycleOf([['loadavg', [[load1, 1]]]]))
  assert.ok((await get('/metrics')).text.includes('\nnode_load1 1\n'))
  web.onSnapshot(cycleOf([['loadavg', [[load1, 2]]]]))
  assert.ok((await get('/metrics')).text.includes('\nnode_load1 2\n'))
})

test('before the first snapshot the answer is 503 and says why', async (t) => {
  const { web, get } = await serve(t)
  const { status, text } = await get('/metrics')
  assert.equal(status, 503)
  assert.match(text, /^No snapshot yet: .*\n$/)
  assert.equal(web.stats.requests[503], 1)
})

test('the gzip page has the same content', async (t) => {
  const { web, get } = await serve(t, noOwn)
  web.onSnapshot(host())
  const page = await get('/metrics')
  const packed = await get('/metrics', { headers: { 'accept-encoding': 'gzip, deflate, br' } })
  assert.equal(page.headers['content-encoding'], undefined)
  assert.equal(packed.headers['content-encoding'], 'gzip')
  assert.equal(packed.headers['vary'], 'Accept-Encoding')
  assert.ok(packed.bytes.length < page.bytes.length / 2)
  assert.equal(gunzipSync(packed.bytes).toString(), page.text)
})

test('any method gets the page, HEAD only its headers', async (t) => {
  const { web, get } = await serve(t, noOwn)
  web.onSnapshot(host())
  const page = await get('/metrics')
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
    const { status, text } = await get('/metrics', { method, body: 'x'.repeat(100_000) })
    assert.equal(status, 200, method)
    assert.equal(text, page.text, method)
  }
  const head = await get('/metrics', { method: 'HEAD' })
  assert.equal(head.status, 200)
  assert.equal(head.text, '')
  assert.equal(head.headers['content-length'], page.headers['content-length'])
})

test('many concurrent requests all get the page', async (t) => {
  const { web, port } = await serve(t, { maxRequests: 0 })
  web.onSnapshot(host())
  const filters = ['', '?collect[]=cpu', '?exclude[]=cpu', '?collect[]=loadavg&collect[]=nfs']
  const replies = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      ask(port, `/metrics${filters[i % filters.length]}`, { headers: i % 3 ? {} : { 'accept-encoding': 'gzip' } }),
    ),
  )
  assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]))
  assert.equal(web.stats.requests[200], 200)
  await settled(web)
})

test('a failed page is a 500, and the next request writes it again', async (t) => {
  const { web, get, logged } = await serve(t, noOwn)
  const good = host()
  web.onSnapshot({ ...good, snapshot: { ...good.snapshot, series: [undefined as never] } })
  const { status, text } = await get('/metrics')
  assert.equal(status, 500)
  assert.match(text, /See the log/)
  assert.equal(logged.filter((line) => line.startsWith('error Writing the metrics page failed')).length, 1)
  web.onSnapshot(good)
  assert.equal((await get('/metrics')).status, 200)
  assert.deepEqual(web.stats.requests, { 200: 1, 500: 1, 503: 0 })
  await settled(web)
})

test('a page of any size is complete, also after a smaller one', async (t) => {
  const { web, get } = await serve(t, noOwn)
  const name = gauge('node_name', 'A name.', ['name'])
  for (const size of [10, 9000, 1, 12_000]) {
    const labels = (n: number) => ({ name: `${n} – ${'ß'.repeat(n % 90)} 🦉` })
    const cycle = cycleOf([['cpu', Array.from({ length: size }, (_, n) => [name, n / 7, labels(n)] as const)]])
    web.onSnapshot(cycle)
    assert.equal((await get('/metrics')).text, textOf(cycle.snapshot))
  }
})

test('labels and help are escaped', async (t) => {
  const { web, get } = await serve(t, noOwn)
  const odd = gauge('node_odd', 'One\nline, one \\.', ['name'])
  web.onSnapshot(cycleOf([['cpu', [[odd, Number.NaN, { name: 'a"b\\c\nd' }]]]]))
  const { text } = await get('/metrics?collect[]=cpu')
  assert.ok(text.startsWith('# HELP node_odd One\\nline, one \\\\.\n# TYPE node_odd gauge\n'))
  assert.equal(samples(text)[0], 'node_odd{name="a\\"b\\\\c\\nd"} NaN')
})

test('promtool reports no problem of the page', async (t) => {
  if (spawnSync('promtool', ['--version']).error !== undefined) {
    assert.equal(process.env['CI'], undefined, 'promtool is missing')
    t.skip('promtool is missing (Debian package prometheus)')
    return
  }
  const { web, get } = await serve(t)
  web.onSnapshot(host())
  const { text } = await get('/metrics')
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  assert.equal(stdout + stderr, '')
  assert.equal(status, 0)
})
