import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createReceiver } from '../../src/demo-receiver/receiver.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { checkOutput } from '../../src/doctor/output.ts'
import { connect } from '../../src/http/transport/connection.ts'
import { type GatewayOptions, pushgateway } from '../../src/pushgateway/index.ts'
import { type EndpointOptions, remoteWrite } from '../../src/remote-write/index.ts'
import { type Clock, systemClock } from '../../src/util/clock.ts'
import { startGateway } from '../pushgateway/gateway.ts'
import { endpointOptions } from '../remote-write/options.ts'
import { certificates, pemFile, selfSigned } from '../support/certificates.ts'
import { answerOf, type RawRequest, rawServer } from '../support/raw.ts'
import { freePort } from '../support/servers.ts'

const quick: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / 50, signal),
  timer: (ms, ring) => systemClock.timer(ms / 50, ring),
}

function check(url: string, more: Partial<EndpointOptions> = {}, clock = systemClock) {
  const options = endpointOptions(url, {
    name: 'cloud',
    timeoutMs: 5000,
    backoff: { minMs: 1, maxMs: 1 },
    maxSamplesPerSend: 1,
    protobufMessage: 'auto',
    ...more,
  })
  return checkOutput({ kind: remoteWrite, options }, new Map(), { clock, connect })
}

const shown = (findings: readonly Finding[]) => findings.map(({ level, thing }) => `${level} ${thing}`)
const of = (findings: readonly Finding[], thing: string) => findings.find((one) => one.thing === `cloud ${thing}`)

/** A receiver with this response to each request. */
async function answering(t: TestContext, answer: (request: RawRequest) => string, tls?: object) {
  const { port, requests } = await rawServer(t, (socket, one) => socket.write(answer(one)), tls ? { tls } : {})
  return { port, requests, url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/api/v1/write` }
}

test('a working receiver accepts requests that store nothing, and its protocol is reported', async (t) => {
  const receiver = await createReceiver({ listen: { host: '127.0.0.1', port: 0 }, ledger: true })
  t.after(() => receiver.close())
  const findings = await check(`${receiver.url}/api/v1/write`)
  assert.deepEqual(shown(findings), [
    'ok cloud dns',
    'ok cloud tcp',
    'ok cloud access',
    'ok cloud clock',
    'ok cloud protocol',
  ])
  assert.match(of(findings, 'protocol')?.text ?? '', /supports remote-write 2\.0/)
  assert.equal(receiver.stats.requests, 2)
  assert.deepEqual(receiver.ledger, [])
})

test('a receiver that supports only 1.0 is recognized by its response to 2.0', async (t) => {
  for (const answer of [answerOf(415), answerOf(400, {}, 'proto: illegal wireType'), answerOf(204)]) {
    const { url } = await answering(t, ({ headers }) =>
      headers['content-type'] === 'application/x-protobuf' ? answerOf(204) : answer,
    )
    const found = of(await check(url), 'protocol')
    assert.equal(found?.level, 'ok')
    assert.match(found?.text ?? '', /supports remote-write 1\.0, not 2\.0/)
    const required = of(await check(url, { protobufMessage: 'io.prometheus.write.v2.Request' }), 'protocol')
    assert.equal(required?.level, 'fail')
    assert.match(required?.remedy ?? '', /protobuf_message to auto/)
  }
})

test('a wrong token is a failure with a hint, and no finding contains the token, although the response does', async (t) => {
  const { url } = await answering(t, ({ headers }) => answerOf(401, {}, `wrong: ${headers['authorization']}`))
  const credentials = { headersFor: () => ({ authorization: 'Bearer s3cret-token' }) }
  const findings = await check(`${url}?key=k3y-secret`, { credentials })
  assert.equal(of(findings, 'access')?.level, 'fail')
  assert.match(of(findings, 'access')?.text ?? '', /HTTP 401: wrong/)
  assert.match(of(findings, 'access')?.remedy ?? '', /the token/)
  assert.doesNotMatch(JSON.stringify(findings), /s3cret|k3y-secret/)
})

test('the remedy for a wrong path names the path of the preset', async (t) => {
  const { url } = await answering(t, () => answerOf(404))
  const findings = await check(url, { pushPath: '/api/v1/push' })
  assert.match(of(findings, 'access')?.remedy ?? '', /Set the path of the url to \/api\/v1\/push/)
})

test('HTTP 429 is a warning, and so is a rejected request without samples', async (t) => {
  for (const status of [429, 400]) {
    const { url } = await answering(t, () => answerOf(status))
    assert.equal(of(await check(url), 'access')?.level, 'warn')
  }
  const words = { 'content-type': 'text/html' }
  const page = '<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>'
  const { url } = await answering(t, () => answerOf(400, words, page))
  const access = of(await check(url), 'access')
  assert.deepEqual([access?.level, access?.remedy], ['fail', 'Use https:// in the url: the server requires TLS.'])
})

test('clock skew is reported, from ten minutes as a failure', async (t) => {
  for (const [seconds, level] of [
    [-120, 'warn'],
    [3600, 'fail'],
  ] as const) {
    const date = new Date(Date.now() + seconds * 1000).toUTCString()
    const { url } = await answering(t, () => answerOf(204, {}).replace('\r\n', `\r\ndate: ${date}\r\n`))
    const finding = of(await check(url), 'clock')
    assert.equal(finding?.level, level)
    assert.match(
      finding?.text ?? '',
      seconds < 0 ? /(1 min 59 s|2 min|2 min 1 s) ahead of/ : /(59 min 59 s|1 h|1 h 0 min) behind/,
    )
  }
})

test('a redirect is followed and reported', async (t) => {
  const { url } = await answering(t, ({ line }) =>
    line.includes('/moved') ? answerOf(204) : answerOf(308, { location: '/moved' }),
  )
  const findings = await check(url)
  assert.equal(of(findings, 'access')?.level, 'ok')
  assert.match(of(findings, 'redirect')?.text ?? '', /HTTP 308/)
})

test('a certificate is reported with its chain and validity; if it expires soon or is not verified, it is a warning', async (t) => {
  const { ca, server } = certificates(t) // for two days
  const { url } = await answering(t, () => answerOf(204), server)
  const tls = of(await check(url, { access: { tls: { ca: pemFile(ca), verify: true } } }), 'tls')
  assert.equal(tls?.level, 'warn')
  assert.match(tls?.text ?? '', /^TLSv1\.3, certificate server < authority of a test, valid for 1 day$/)
  const long = selfSigned(t, '20200101', '20990101')
  const own = await answering(t, () => answerOf(204), { cert: long.cert, key: long.key })
  assert.equal(
    of(await check(own.url, { access: { tls: { ca: pemFile(long.file), verify: true } } }), 'tls')?.level,
    'ok',
  )
  assert.equal(of(await check(own.url, { access: { tls: { verify: false } } }), 'tls')?.level, 'warn')
})

test('after a certificate that is not trusted, the receiver is not tested further', async (t) => {
  const { server } = certificates(t)
  const { url, requests } = await answering(t, () => answerOf(204), server)
  const findings = await check(url)
  assert.deepEqual(shown(findings), ['ok cloud dns', 'ok cloud tcp', 'fail cloud tls'])
  assert.match(of(findings, 'tls')?.remedy ?? '', /tls_config\.ca_file/)
  assert.equal(requests.length, 0)
})

test('an expired certificate, or one that is not yet valid, is reported with its name and dates', async (t) => {
  for (const [from, to, text] of [
    ['20200101', '20200102', /^certificate has expired: certificate receiver, expired \d{4} days ago$/],
    ['20980101', '20990101', /^certificate is not yet valid: certificate receiver, valid in \d{5} days$/],
  ] as const) {
    const { cert, key, file } = selfSigned(t, from, to)
    const { url } = await answering(t, () => answerOf(204), { cert, key })
    const trusting = { access: { tls: { ca: pemFile(file), verify: true } } }
    assert.match(of(await check(url, trusting), 'tls')?.text ?? '', text)
    const unverified = of(await check(url, { access: { tls: { verify: false } } }), 'tls')
    assert.match(unverified?.text ?? '', /receiver, (expired \d+ days ago|valid in \d+ days); not verified$/)
  }
})

test('https:// at an HTTP port, and http:// at a TLS port, have a clear error and remedy', async (t) => {
  const { server } = certificates(t)
  const secure = await answering(t, () => answerOf(204), server)
  const access = of(await check(secure.url.replace('https:', 'http:')), 'access')
  assert.match(access?.text ?? '', /: the port expects TLS$/)
  assert.equal(access?.remedy, 'use https:// in the url')
  const plain = createServer().listen(0, '127.0.0.1')
  t.after(() => plain.close())
  await once(plain, 'listening')
  const { port } = plain.address() as AddressInfo
  const tls = of(await check(`https://127.0.0.1:${port}/`), 'tls')
  assert.match(tls?.text ?? '', /^TLS: (wrong version number|packet length too long)$/)
  assert.match(tls?.remedy ?? '', /Use http:\/\/ in the url/)
})

test('after a failed name lookup or connection, the receiver is not tested further', async () => {
  assert.deepEqual(shown(await check('http://nowhere.invalid/')), ['fail cloud dns'])
  const findings = await check(`http://127.0.0.1:${await freePort()}/`)
  assert.deepEqual(shown(findings), ['ok cloud dns', 'fail cloud tcp'])
  assert.match(of(findings, 'tcp')?.remedy ?? '', /nothing listens/)
})

test('the test of a server that never responds ends after a timeout', async (t) => {
  const { port } = await rawServer(t, () => {})
  const access = of(await check(`http://127.0.0.1:${port}/`, {}, quick), 'access')
  assert.match(access?.text ?? '', /no answer within/)
  const tls = of(await check(`https://127.0.0.1:${port}/`, {}, quick), 'tls')
  assert.match(tls?.text ?? '', /no TLS handshake within/)
})

test('with a proxy, the name and port of the proxy are tested, and a request tests the receiver', async (t) => {
  const proxy = await rawServer(t, (socket) => socket.write(answerOf(407)))
  const forward = { url: new URL(`http://127.0.0.1:${proxy.port}`) }
  const findings = await check('https://receiver.test/', { access: { proxy: { https: forward, connectHeaders: {} } } })
  assert.deepEqual(shown(findings), ['ok cloud proxy', 'ok cloud dns', 'ok cloud tcp', 'fail cloud access'])
  assert.match(of(findings, 'access')?.remedy ?? '', /the proxy requires credentials/)
})

test('a gateway is tested with /-/ready, and nothing is pushed', async (t) => {
  const { url, requests } = await startGateway(t, () => [200, 'OK'])
  const options: GatewayOptions = {
    name: 'gate',
    url: new URL(`${url}/prefix/`),
    headers: () => ({}),
    timeoutMs: 5000,
    job: 'j',
    groupingKey: {},
    method: 'PUT',
    backoff: { minMs: 1, maxMs: 1 },
    intervalMs: 0,
    deleteOnStart: true,
    deleteOnShutdown: true,
  }
  const findings = await checkOutput({ kind: pushgateway, options }, new Map(), { clock: systemClock, connect })
  assert.deepEqual(shown(findings).slice(0, 3), ['ok gate dns', 'ok gate tcp', 'ok gate access'])
  assert.deepEqual(
    requests.map(({ method, path }) => `${method} ${path}`),
    ['GET /prefix/-/ready'],
  )
})
