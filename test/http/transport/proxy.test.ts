import assert from 'node:assert/strict'
import { connect as dial, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { bypasses, type ForwardProxy } from '../../../src/http/transport/proxy.ts'
import { Secret } from '../../../src/util/log.ts'
import { certificates, pemFile } from '../../support/certificates.ts'
import { answerOf, poster, type RawRequest, rawServer } from '../../support/raw.ts'

/** Targets that bypass the proxy with this list. */
const past = (list: string, target: string) => bypasses(list, new URL(target))

test('no_proxy: domains, addresses, networks, ports and everything', () => {
  const list = ' example.org, .lab,*.farm ,10.0.0.0/8, 192.168.1.1, other.test:8080,fd00::/8,[fe80::1]:443 '
  for (const target of [
    'http://example.org/x',
    'https://EXAMPLE.org',
    'http://a.b.example.org',
    'http://a.lab',
    'http://cow.farm',
    'http://10.1.2.3:9090',
    'http://192.168.1.1',
    'http://other.test:8080',
    'http://[fd12::1]/',
    'https://[fe80::1]/',
  ])
    assert.ok(past(list, target), target)
  for (const target of [
    'http://notexample.org',
    'http://lab',
    'http://farm',
    'http://11.0.0.1',
    'http://192.168.1.10',
    'http://other.test',
    'https://other.test:8443',
    'http://[fe80::1]/',
  ])
    assert.ok(!past(list, target), target)
  assert.ok(past('*', 'http://anything'))
  for (const garbage of ['', ',', '10.0.0.0/99', '/', '10.0.0.0/x', ':80'])
    assert.ok(!past(garbage, 'http://10.0.0.1'), garbage)
})

test('with a no_proxy list, loopback bypasses the proxy', () => {
  for (const target of ['http://localhost:1', 'http://127.0.0.9', 'http://[::1]:80'])
    assert.ok(past('', target), target)
})

/** A proxy that records its requests. */
async function proxy(t: TestContext, { user = '', tls = undefined as object | undefined } = {}) {
  const wanted = `Basic ${Buffer.from(user).toString('base64')}`
  const through = (socket: Socket, { line }: RawRequest) => {
    const [, host = '', port] = /^CONNECT (\S+):(\d+)/.exec(line) ?? []
    const onward = dial(Number(port), host, () => socket.write('HTTP/1.1 200 Connection established\r\n\r\n'))
    socket.removeAllListeners('data')
    onward.on('error', () => socket.destroy()).pipe(socket)
    socket.on('close', () => onward.destroy()).pipe(onward)
  }
  const server = await rawServer(
    t,
    (socket, request) => {
      if (user !== '' && request.headers['proxy-authorization'] !== wanted)
        socket.write(answerOf(407, { 'proxy-authenticate': 'Basic realm="x"' }))
      else if (request.line.startsWith('CONNECT')) through(socket, request)
      else socket.write(answerOf(204))
    },
    tls && { tls },
  )
  const forward: ForwardProxy = {
    url: new URL(`${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`),
    ...(user !== '' && { authorization: new Secret(wanted) }),
  }
  return { ...server, requests: server.requests, access: { http: forward, https: forward, connectHeaders: {} } }
}

test('a request for http:// is sent to the proxy itself', async (t) => {
  const { requests, access } = await proxy(t, { user: 'me:pr0xy' })
  const { post } = await poster(t, 'http://receiver.test:9090/api?x=y', { access: { proxy: access } })
  assert.equal((await post()).kind, 'delivered')
  assert.equal((await post()).kind, 'delivered')
  const [first, second] = requests
  assert.equal(first?.line, 'POST http://receiver.test:9090/api?x=y HTTP/1.1')
  assert.equal(first.headers['host'], 'receiver.test:9090')
  assert.equal(first.headers['proxy-authorization'], `Basic ${Buffer.from('me:pr0xy').toString('base64')}`)
  assert.equal(second?.connection, 1)
})

test('a request for https:// goes through a tunnel; the proxy sees only the target host', async (t) => {
  const made = certificates(t)
  const receiver = await rawServer(t, (socket) => socket.write(answerOf(204)), { tls: made.server })
  const { requests, access } = await proxy(t, { user: 'me:pr0xy' })
  const { post } = await poster(t, `https://127.0.0.1:${receiver.port}/api`, {
    credentials: { headersFor: () => ({ authorization: 'Bearer s3cret' }) },
    access: {
      tls: { ca: pemFile(made.ca), verify: true },
      proxy: { ...access, connectHeaders: { 'X-Reason': [new Secret('telemetry')] } },
    },
  })
  assert.equal((await post()).kind, 'delivered')
  assert.equal((await post()).kind, 'delivered')
  assert.equal(requests.length, 1)
  assert.equal(requests[0]?.line, `CONNECT 127.0.0.1:${receiver.port} HTTP/1.1`)
  assert.equal(requests[0].headers['x-reason'], 'telemetry')
  assert.equal(requests[0].headers['authorization'], undefined)
  const [one] = receiver.requests
  assert.equal(one?.headers['authorization'], 'Bearer s3cret')
  assert.equal(one.headers['proxy-authorization'], undefined)
  assert.equal(receiver.requests[1]?.connection, 1)
})

test('a proxy over TLS serves both kinds of target, and does not get the client certificate', async (t) => {
  const made = certificates(t)
  const receiver = await rawServer(t, (socket) => socket.write(answerOf(204)), { tls: made.server })
  const { requests, access } = await proxy(t, { tls: made.server })
  const files = made.make('client')
  const tls = { ca: pemFile(made.ca), cert: pemFile(files.cert), key: pemFile(files.key), verify: true }
  for (const url of [`https://127.0.0.1:${receiver.port}/`, 'http://receiver.test/']) {
    const { post } = await poster(t, url, { access: { tls, proxy: access } })
    const outcome = await post()
    assert.equal(outcome.kind, 'delivered', JSON.stringify(outcome))
  }
  assert.deepEqual(
    requests.map(({ line }) => line.split(' ')[0]),
    ['CONNECT', 'POST'],
  )
})

test('the error of a rejecting proxy has its status, and no password', async (t) => {
  const { access } = await proxy(t, { user: 'me:other' })
  const wrong = { ...access.http, authorization: new Secret('Basic bWU6cHIweHk=') }
  const more = { access: { proxy: { http: wrong, https: wrong, connectHeaders: {} } } }
  const secure = await (await poster(t, 'https://receiver.test/', more)).post()
  assert.deepEqual(secure, {
    kind: 'retry',
    reason: `proxy ${access.http.url.host} rejected CONNECT to receiver.test:443: HTTP 407`,
  })
  const plain = await (await poster(t, 'http://receiver.test/', more)).post()
  assert.deepEqual(plain, { kind: 'retry', reason: 'HTTP 407', status: 407, afterMs: 60_000 })
  assert.doesNotMatch(inspect(more, { depth: 9 }) + JSON.stringify(more), /pr0xy|bWU6/)
})

test('with a proxy that is unreachable, closes or answers garbage, nothing was sent', async (t) => {
  for (const [answer, reason] of [
    ['', /^proxy 127\.0\.0\.1:\d+: other side closed$/],
    ['HTTP/1.1 502 Bad\r\n\r\n', /HTTP 502$/],
    ['garbage\r\n\r\n', /^proxy 127\.0\.0\.1:\d+: Response does not match the HTTP\/1\.1 protocol/],
  ] as const) {
    const { port, requests, close } = await rawServer(t, (socket) => socket.end(answer))
    const forward = { url: new URL(`http://127.0.0.1:${port}`) }
    const { post } = await poster(t, 'https://receiver.test/', {
      access: { proxy: { https: forward, connectHeaders: {} } },
    })
    const outcome = (await post()) as { kind: string; reason: string }
    assert.equal(outcome.kind, 'retry')
    assert.match(outcome.reason, reason)
    assert.equal(requests.length, 1)
    await close()
    assert.match(((await post()) as { reason: string }).reason, /^proxy 127\.0\.0\.1:\d+: connect ECONNRE/)
  }
})
