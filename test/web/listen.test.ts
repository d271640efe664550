import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { gauge } from '../../src/metrics/family.ts'
import { addressOf } from '../../src/web/listen.ts'
import { cycleOf, host, serve, settled, turn } from './server.ts'

const never = new AbortController().signal

test('an address is a host and a port, a port alone, or IPv6 in brackets', () => {
  assert.deepEqual(addressOf('10.0.0.1:9100'), { host: '10.0.0.1', port: 9100 })
  assert.deepEqual(addressOf('localhost:80'), { host: 'localhost', port: 80 })
  assert.deepEqual(addressOf(':9100'), { host: undefined, port: 9100 })
  assert.deepEqual(addressOf('[::1]:9100'), { host: '::1', port: 9100 })
  assert.deepEqual(addressOf('[fe80::1%eth0]:0'), { host: 'fe80::1%eth0', port: 0 })
})

for (const text of [
  '',
  '9100',
  'localhost',
  'localhost:',
  ':http',
  ':65536',
  ':-1',
  '::1:9100',
  '[::1]',
  'vsock://:9100',
  'http://x:1',
])
  test(`${JSON.stringify(text)} is not an address, and the error shows the format`, () => {
    assert.throws(
      () => addressOf(text),
      (error: Error) => error.message.includes(JSON.stringify(text)) && /host:port/.test(error.message),
    )
  })

test('a telemetry path without a slash is an error', async (t) => {
  await assert.rejects(serve(t, { telemetryPath: 'metrics' }), /telemetry path "metrics" does not begin with a slash/)
})

test('without an address nothing is served', async (t) => {
  const { web, addresses } = await serve(t, { listenAddresses: [] })
  assert.deepEqual(addresses, [])
  web.onSnapshot(host())
  await web.stop(never)
})

test('every address is listened on and logged', async (t) => {
  const { addresses, logged } = await serve(t, { listenAddresses: ['127.0.0.1:0', 'localhost:0', ':0'] })
  assert.equal(addresses.length, 3)
  for (const address of addresses)
    assert.ok(logged.includes(`info Listening for HTTP requests component=web address=${address}`))
})

test('an IPv6 address in brackets is bound', async (t) => {
  const loopback = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
  if (!loopback) return t.skip('this host has no IPv6')
  const { addresses } = await serve(t, { listenAddresses: ['[::1]:0'] })
  assert.match(addresses.join(), /^\[::1\]:\d+$/)
})

test('a configured port in use is an error with a remedy, and no listener stays open', async (t) => {
  const { port, get } = await serve(t)
  const free = await serve(t)
  await free.web.stop(never)
  const listenAddresses = [`127.0.0.1:${free.port}`, `127.0.0.1:${port}`]
  await assert.rejects(serve(t, { listenAddresses }), {
    message:
      `web: cannot listen on 127.0.0.1:${port}: another process uses this port (find it with \`ss -ltnp\`); ` +
      'choose another with --web.listen-address',
  })
  await refused(free.port)
  assert.equal((await get('/-/healthy')).status, 200)
})

test('the default port in use is one warning, and nothing is served', async (t) => {
  const { port } = await serve(t)
  const second = await serve(t, { listenAddresses: [`:${port}`], listenAddressesNamed: false })
  assert.deepEqual(second.addresses, [])
  assert.equal(second.logged.length, 1)
  assert.match(
    second.logged[0] ?? '',
    /^warn Listening failed, .* err=web: cannot listen on :\d+: another process uses/,
  )
})

test('an address of another host is an error that says so', async (t) => {
  await assert.rejects(serve(t, { listenAddresses: ['192.0.2.1:0'] }), /no interface of this host has this address/)
})

test('stopping closes idle connections at once, also those without a request', async (t) => {
  const { web, port } = await serve(t)
  const idle = await opened(port, 'GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n')
  await answered(idle)
  const mute = await opened(port, '')
  const half = await opened(port, 'GET /metrics HTTP/1.1\r\nhost:')
  await web.stop(never)
  await Promise.all([idle, mute, half].map(ended))
  await refused(port)
})

test('stopping finishes an answer in flight', async (t) => {
  const { web, port } = await serve(t)
  web.onSnapshot(host())
  const socket = await opened(port, 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  while (web.stats.inFlight === 0 && web.stats.requests[200] === 0) await turn()
  await web.stop(never)
  await ended(socket)
  assert.match(text, /^HTTP\/1\.1 200 [\s\S]*\nprocess_cpu_seconds_total 12\.5\n/)
})

test('a client that does not read is disconnected at the deadline, and delays no other client', async (t) => {
  const { web, port, get } = await serve(t, { maxRequests: 2 })
  const wide = gauge('node_wide', 'Many series.', ['n'])
  const rows = Array.from({ length: 100_000 }, (_, n) => [wide, n, { n: `${n}${'x'.repeat(150)}` }] as const)
  web.onSnapshot(cycleOf([['cpu', rows]]))
  const deaf = await opened(port, 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n')
  deaf.pause()
  while (web.stats.requests[200] === 0) await turn()
  assert.equal(web.stats.inFlight, 1)
  assert.equal((await get('/metrics?collect[]=loadavg')).status, 200)
  const deadline = new AbortController()
  const stopped = web.stop(deadline.signal)
  await turn()
  assert.equal(web.stats.inFlight, 1)
  deadline.abort()
  await stopped
  deaf.resume()
  await ended(deaf)
  await settled(web)
})

test('clients that disconnect early leave no open request', async (t) => {
  const { web, port, get } = await serve(t)
  web.onSnapshot(host())
  for (let i = 0; i < 4; i++) {
    const before = web.stats.requests[200]
    const socket = await opened(port, 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(12))
    while (web.stats.inFlight === 0 && web.stats.requests[200] === before) await turn()
    socket.resetAndDestroy()
  }
  await settled(web)
  assert.equal((await get('/metrics')).status, 200)
})

function opened(port: number, text: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, () => resolve(socket)))
    socket.on('error', reject)
  })
}

const answered = (socket: Socket) => new Promise((resolve) => socket.once('data', resolve))

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve()
    socket.once('close', () => resolve())
    socket.resume()
  })
}

function refused(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    connect(port, '127.0.0.1', () => reject(new Error(`${port} is open`))).on('error', () => resolve())
  })
}
