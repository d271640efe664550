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
import { certificates, selfSigned } from '../support/certificates.ts'
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

/** A receiver that answers so to each request. */
async function answering(t: TestContext, answer: (request: RawRequest) => string, tls?: object) {
  const { port, requests } = await rawServer(t, (socket, one) => socket.write(answer(one)), tls ? { tls } : {})
  return { port, requests, url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/api/v1/write` }
}

test('a receiver that is well takes requests that store nothing, and tells its protocol', async (t) => {
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

test('a receiver that knows 1.0 alone is told by what it answers to 2.0', async (t) => {
  for (const answer of [answerOf(415), answerOf(400, {}, 'proto: illegal wireType'), answerOf(204)]) {
    const { url } = await answering(t, ({ headers }) =>
      headers['content-type'] === 'application/x-protobuf' ? answerOf(204) : answer,
    )
    const found = of(await check(url), 'protocol')
    assert.equal(found?.level, 'ok')
    assert.match(found?.text ?? '', /supports remote-write 1\.0, not 2\.0/)
    const told = of(await check(url, { protobufMessage: 'io.prometheus.write.v2.Request' }), 'protocol')
    assert.equal(told?.level, 'fail')
    assert.match(told?.remedy ?? '', /protobuf_message to auto/)
  }
})

test('a wrong token is a failure with a hint, and nothing shows the token though the receiver says it again', async (t) => {
  const { url } = await answering(t, ({ headers }) => answerOf(401, {}, `wrong: ${headers['authorization']}`))
  const credentials = { headersFor: () => ({ authorization: 'Bearer s3cret-token' }) }
  const findings = await check(`${url}?key=k3y-secret`, { credentials })
  assert.equal(of(findings, 'access')?.level, 'fail')
  assert.match(of(findings, 'access')?.text ?? '', /HTTP 401: wrong/)
  assert.match(of(findings, 'access')?.remedy ?? '', /the token/)
  assert.doesNotMatch(JSON.stringify(findings), /s3cret|k3y-secret/)
})

test('a wrong path is told with the right one of the preset', async (t) => {
  const { url } = await answering(t, () => answerOf(404))
  const findings = await check(url, { pushPath: '/api/v1/push' })
  assert.match(of(findings, 'access')?.remedy ?? '', /Set the path of the url to \/api\/v1\/push/)
})

test('a limit is a warning, and so is a refusal of nothing by who let us in', async (t) => {
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

test('clocks that differ are told, from ten minutes on as a failure', async (t) => {
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
      seconds < 0 ? /(1 min 59 s|2 min|2 min 1 s) ahead of/ : /(59 min 59 s|1 h|1 h 1 s) behind/,
    )
  }
})

test('a redirect works, and is told', async (t) => {
  const { url } = await answering(t, ({ line }) =>
    line.includes('/moved') ? answerOf(204) : answerOf(308, { location: '/moved' }),
  )
  const findings = await check(url)
  assert.equal(of(findings, 'access')?.level, 'ok')
  assert.match(of(findings, 'redirect')?.text ?? '', /HTTP 308/)
})

test('a certificate is told with its chain and its days; soon to end, or unverified, it is a warning', async (t) => {
  const { ca, server } = certificates(t) // for two days
  const { url } = await answering(t, () => answerOf(204), server)
  const tls = of(await check(url, { access: { tls: { ca: { file: ca }, verify: true } } }), 'tls')
  assert.equal(tls?.level, 'warn')
  assert.match(tls?.text ?? '', /^TLSv1\.3, certificate server < authority of a test, valid for 1 day$/)
  const long = selfSigned(t, '20200101', '20990101')
  const own = await answering(t, () => answerOf(204), { cert: long.cert, key: long.key })
  assert.equal(
    of(await check(own.url, { access: { tls: { ca: { file: long.file }, verify: true } } }), 'tls')?.level,
    'ok',
  )
  assert.equal(of(await check(own.url, { access: { tls: { verify: false } } }), 'tls')?.level, 'warn')
})

test('a certificate that is not trusted ends the checks of its receiver', async (t) => {
  const { server } = certificates(t)
  const { url, requests } = await answering(t, () => answerOf(204), server)
  const findings = await check(url)
  assert.deepEqual(shown(findings), ['ok cloud dns', 'ok cloud tcp', 'fail cloud tls'])
  assert.match(of(findings, 'tls')?.remedy ?? '', /tls_config\.ca_file/)
  assert.equal(requests.length, 0)
})

test('a certificate that has ended, or not begun, is told with whose it is and since when', async (t) => {
  for (const [from, to, text] of [
    ['20200101', '20200102', /^certificate has expired: certificate receiver, expired \d{4} days ago$/],
    ['20980101', '20990101', /^certificate is not yet valid: certificate receiver, valid in \d{5} days$/],
  ] as const) {
    const { cert, key, file } = selfSigned(t, from, to)
    const { url } = await answering(t, () => answerOf(204), { cert, key })
    const trusting = { access: { tls: { ca: { file }, verify: true } } }
    assert.match(of(await check(url, trusting), 'tls')?.text ?? '', text)
    const careless = of(await check(url, { access: { tls: { verify: false } } }), 'tls')
    assert.match(careless?.text ?? '', /receiver, (expired|valid in) \d+ days.*; not verified$/)
  }
})

test('https:// where http:// is spoken, and the reverse, are told in plain words', async (t) => {
  const { server } = certificates(t)
  const secure = await answering(t, () => answerOf(204), server)
  const heard = of(await check(secure.url.replace('https:', 'http:')), 'access')
  assert.match(heard?.text ?? '', /: the port expects TLS$/)
  assert.equal(heard?.remedy, 'use https:// in the url')
  const plain = createServer().listen(0, '127.0.0.1')
  t.after(() => plain.close())
  await once(plain, 'listening')
  const { port } = plain.address() as AddressInfo
  const tls = of(await check(`https://127.0.0.1:${port}/`), 'tls')
  assert.match(tls?.text ?? '', /^TLS: (wrong version number|packet length too long)$/)
  assert.match(tls?.remedy ?? '', /Use http:\/\/ in the url/)
})

test('no name, no listener: what is behind them is not looked at', async () => {
  assert.deepEqual(shown(await check('http://nowhere.invalid/')), ['fail cloud dns'])
  const findings = await check(`http://127.0.0.1:${await freePort()}/`)
  assert.deepEqual(shown(findings), ['ok cloud dns', 'fail cloud tcp'])
  assert.match(of(findings, 'tcp')?.remedy ?? '', /nothing listens/)
})

test('a server that takes what it is sent and never answers is given up in time', async (t) => {
  const { port } = await rawServer(t, () => {})
  const access = of(await check(`http://127.0.0.1:${port}/`, {}, quick), 'access')
  assert.match(access?.text ?? '', /no answer within/)
  const tls = of(await check(`https://127.0.0.1:${port}/`, {}, quick), 'tls')
  assert.match(tls?.text ?? '', /no TLS handshake within/)
})

test('through a proxy the proxy is looked at, and the request tells the rest', async (t) => {
  const proxy = await rawServer(t, (socket) => socket.write(answerOf(407)))
  const forward = { url: new URL(`http://127.0.0.1:${proxy.port}`) }
  const findings = await check('https://receiver.test/', { access: { proxy: { https: forward, connectHeaders: {} } } })
  assert.deepEqual(shown(findings), ['ok cloud proxy', 'ok cloud dns', 'ok cloud tcp', 'fail cloud access'])
  assert.match(of(findings, 'access')?.remedy ?? '', /the proxy requires credentials/)
})

test('a gateway is asked whether it is ready, and nothing is pushed', async (t) => {
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
    offsetMs: 0,
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
