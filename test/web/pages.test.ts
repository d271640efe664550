import assert from 'node:assert/strict'
import { test } from 'node:test'
import { host, raw, serve } from './server.ts'

test('the agent is healthy at once, and ready when it has a snapshot', async (t) => {
  const { web, get } = await serve(t)
  assert.equal((await get('/-/healthy')).status, 200)
  const early = await get('/-/ready')
  assert.equal(early.status, 503)
  assert.match(early.text, /^No snapshot yet/)
  web.onSnapshot(host())
  assert.deepEqual([(await get('/-/ready')).status, (await get('/-/ready')).text], [200, 'hostpush is ready.\n'])
  assert.deepEqual([(await get('/-/healthy')).status, (await get('/-/healthy')).text], [200, 'hostpush is healthy.\n'])
})

test('the status page has the version, links and the state of each output', async (t) => {
  const status = () => [['remote-write "a"', 'delivering, 0 samples behind']] as const
  const { web, get } = await serve(t, { telemetryPath: '/host/metrics' }, { status })
  web.onSnapshot(host())
  const { status: code, headers, text } = await get('/')
  assert.equal(code, 200)
  assert.equal(headers['content-type'], 'text/html; charset=UTF-8')
  assert.match(text, /<h1>hostpush<\/h1>\n<p>1\.2\.3<\/p>/)
  for (const path of ['/host/metrics', '/-/healthy', '/-/ready'])
    assert.ok(text.includes(`<a href=".${path}">${path}</a>`), path)
  assert.ok(text.includes('<tr><th>remote-write &quot;a&quot;</th><td>delivering, 0 samples behind</td></tr>'))
  assert.match(text, /<th>last snapshot<\/th><td>13 samples, 0 s ago<\/td>/)
})

test('texts on the status page are escaped, and the page loads nothing from other servers', async (t) => {
  const evil = `<script>alert("1")</script>&'`
  const { get } = await serve(t, {}, { program: { name: evil, version: evil }, status: () => [[evil, evil]] })
  const { headers, text } = await get('/')
  assert.ok(!text.includes('<script'))
  assert.equal(text.split('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;').length, 6)
  assert.ok(!/src=|@import|url\(|<link/.test(text))
  assert.match(String(headers['content-security-policy']), /default-src 'none'/)
})

test('any other path is not found', async (t) => {
  const { web, get } = await serve(t)
  web.onSnapshot(host())
  for (const path of [
    '/x',
    '/metrics/',
    '/metricsx',
    '/favicon.ico',
    '/-/',
    '/debug/pprof/',
    '/__proto__',
    '/../metrics',
  ])
    assert.deepEqual([(await get(path)).status, (await get(path)).text], [404, '404 page not found\n'], path)
})

test('with the telemetry path /, there is no status page', async (t) => {
  const { web, get } = await serve(t, { telemetryPath: '/' })
  web.onSnapshot(host())
  assert.match((await get('/')).text, /^# HELP /)
  assert.equal((await get('/?collect[]=cpu')).status, 200)
  assert.equal((await get('/metrics')).status, 404)
  assert.equal((await get('/-/healthy')).status, 200)
})

test('paths may be escaped, and targets absolute', async (t) => {
  const { web, get, port } = await serve(t)
  web.onSnapshot(host())
  assert.equal((await get('/%6detrics')).status, 200)
  const reply = await raw(
    port,
    'GET http://other/metrics?collect[]=nope HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
  )
  assert.match(reply, /^HTTP\/1\.1 400 [\s\S]*missing collector: nope\n$/)
  assert.match(await raw(port, 'GET http://other HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'), /<h1>hostpush/)
})

const bad = [
  ['a path that is wrongly escaped', 'GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^HTTP\/1\.1 400 /],
  ['headers beyond every measure', `GET / HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a tunnel', 'CONNECT other:443 HTTP/1.1\r\nhost: x\r\n\r\n', /^$/],
  [
    'a server that is meant as a whole',
    'OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    /^HTTP\/1\.1 404 /,
  ],
  ['HTTP/1.0', 'GET /-/healthy HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 200 [\s\S]*healthy\.\n$/],
] as const

for (const [what, request, answer] of bad) {
  test(`${what}: the server answers and closes`, async (t) => {
    const { web, port, get } = await serve(t)
    web.onSnapshot(host())
    assert.match(await raw(port, request), answer)
    assert.equal((await get('/metrics')).status, 200)
  })
}

test('an error of the status page is a 500, and the server continues', async (t) => {
  const status = () => {
    throw new Error('broken')
  }
  const { get, logged } = await serve(t, {}, { status })
  assert.equal((await get('/')).status, 500)
  assert.equal((await get('/-/healthy')).status, 200)
  assert.ok(logged.includes('warn Request failed with an internal error component=web err=broken'))
})
