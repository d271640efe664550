import assert from 'node:assert/strict'
import dns, { type LookupAddress } from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRequester } from '../../../src/http/request.ts'
import { connect } from '../../../src/http/transport/connection.ts'
import { Resolver } from '../../../src/http/transport/resolver.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { answerOf, poster, type RawRequest, rawServer } from '../../support/raw.ts'
import { freePort } from '../../support/servers.ts'

const connectionsOf = (requests: readonly RawRequest[]) => requests.map(({ connection }) => connection)

test('requests share a connection, which is closed with its first request after five minutes', async (t) => {
  const { port, requests } = await rawServer(t, (socket) => socket.write(answerOf(204)))
  let later = 0
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + later }
  const target = { url: new URL(`http://127.0.0.1:${port}/`), headers: () => ({}), timeoutMs: 5000 }
  const requester = createRequester(target, await connect(target.url.origin, {}, clock), clock)
  t.after(() => requester.close())
  for (later of [0, 299_000, 301_000, 302_000])
    assert.equal((await requester.post(Buffer.from('x'), {}, AbortSignal.timeout(5000))).kind, 'delivered')
  assert.deepEqual(connectionsOf(requests), [1, 1, 1, 2])
  assert.deepEqual(
    requests.map(({ headers }) => headers['connection']),
    ['keep-alive', 'keep-alive', 'close', 'keep-alive'],
  )
})

test('after a failure of the receiver the next request goes over a new connection', async (t) => {
  const statuses = [204, 500, 204, 429, 204]
  const { port, requests } = await rawServer(t, (socket, { number }) =>
    socket.write(answerOf(statuses[number - 1] ?? 0)),
  )
  const { post } = await poster(t, `http://127.0.0.1:${port}/`)
  for (const _ of statuses) await post()
  assert.deepEqual(connectionsOf(requests), [1, 1, 2, 2, 2])
})

test('a connection that the receiver closed while idle is not used', async (t) => {
  const { port, requests } = await rawServer(t, (socket) => socket.end(answerOf(204)))
  const { post } = await poster(t, `http://127.0.0.1:${port}/`)
  await post()
  await sleep(50)
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(connectionsOf(requests), [1, 2])
})

test('a reset of a new connection is not retried at once: the request may be the cause', async (t) => {
  const { port, requests } = await rawServer(t, (socket) => socket.resetAndDestroy())
  const { post } = await poster(t, `http://127.0.0.1:${port}/`)
  assert.equal((await post()).kind, 'uncertain')
  assert.equal(requests.length, 1)
})

for (const [what, answer, status] of [
  ['reset as well', undefined, undefined],
  ['refused', answerOf(400, {}, 'out of order'), 400],
  ['too much', answerOf(429), 429],
] as const) {
  test(`the second request after a reset is ${what}: the first may have arrived`, async (t) => {
    const { port, requests } = await rawServer(t, (socket, { number }) => {
      if (number === 1) socket.write(answerOf(204))
      else if (number === 2 || answer === undefined) socket.resetAndDestroy()
      else socket.write(answer)
    })
    const { post } = await poster(t, `http://127.0.0.1:${port}/`)
    await post()
    const outcome = await post()
    assert.equal(outcome.kind, 'uncertain')
    assert.equal('status' in outcome ? outcome.status : undefined, status)
    assert.deepEqual(connectionsOf(requests), [1, 1, 2])
  })
}

test('an answer with a pausing body ends after a timeout, and its status counts', async (t) => {
  const { port, requests } = await rawServer(t, (socket, { number }) =>
    socket.write(number === 1 ? answerOf(200, { 'content-length': '10' }, 'half') : answerOf(204)),
  )
  const { post } = await poster(t, `http://127.0.0.1:${port}/`, { timeoutMs: 60_000 })
  const begun = performance.now()
  assert.equal((await post()).kind, 'delivered')
  assert.ok(performance.now() - begun < 8000)
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(connectionsOf(requests), [1, 2])
})

test('an endless answer is truncated', async (t) => {
  let written = 0
  const { port } = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 500 Said\r\ntransfer-encoding: chunked\r\n\r\n')
    const more = () => {
      for (let room = true; room && !socket.destroyed; written += 65_536)
        room = socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`)
    }
    socket.on('drain', more)
    more()
  })
  const { post } = await poster(t, `http://127.0.0.1:${port}/`, { timeoutMs: 60_000 })
  const outcome = await post()
  assert.equal(outcome.kind, 'retry')
  await sleep(100)
  assert.ok(written < 50e6, `${written} bytes were taken`)
})

/** Resolves a name to these addresses until the test ends; records the lookups. */
function named(t: TestContext, name: string, addresses: readonly string[]): { readonly asked: string[] } {
  const asked: string[] = []
  const found: LookupAddress[] = addresses.map((address) => ({ address, family: 4 }))
  const { lookup: real } = dns
  const lookup = (which: string, options: dns.LookupOptions, done: (error: null, found: LookupAddress[]) => void) => {
    if (which !== name) return real(which, options, done as never)
    asked.push(which)
    setTimeout(() => done(null, found), 5)
  }
  t.mock.method(dns, 'lookup', lookup as unknown as typeof dns.lookup)
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  return { asked }
}

test('if one address does not answer, the next one is tried, and each connection resolves the name again', async (t) => {
  const { asked } = named(t, 'receiver.test', ['127.0.0.2', '127.0.0.3', '127.0.0.1'])
  const { port, requests } = await rawServer(t, (socket) => socket.end(answerOf(204)))
  const { post } = await poster(t, `http://receiver.test:${port}/`)
  assert.equal((await post()).kind, 'delivered')
  await sleep(20)
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(asked, ['receiver.test', 'receiver.test'])
  assert.deepEqual(connectionsOf(requests), [1, 2])
})

for (const [how, fail] of [
  ['fails', (socket: Socket) => socket.write(answerOf(503))],
  ['hangs up', (socket: Socket) => socket.resetAndDestroy()],
] as const)
  test(`an address at which the receiver ${how} is tried last the next time`, async (t) => {
    named(t, 'receiver.test', ['127.0.0.1', '127.0.0.2'])
    const port = await freePort()
    const ill = await rawServer(t, fail, { port })
    const well = await rawServer(t, (socket) => socket.write(answerOf(204)), { host: '127.0.0.2', port })
    const { post } = await poster(t, `http://receiver.test:${port}/`)
    assert.equal((await post()).kind, 'uncertain')
    assert.equal((await post()).kind, 'delivered')
    assert.equal((await post()).kind, 'delivered')
    assert.deepEqual([ill.requests.length, well.requests.length], [1, 2])
  })

test('at random: a connection starts with any address, and tries a failed one last', async (t) => {
  const addresses = Array.from({ length: 9 }, (_, i) => `127.0.0.${i + 1}`)
  named(t, 'receiver.test', addresses)
  const orderOf = async (resolver: Resolver) => {
    const { promise, resolve } = Promise.withResolvers<readonly string[]>()
    resolver.lookup('receiver.test', {}, (_, found) => resolve(found.map(({ address }) => address)))
    return await promise
  }
  const resolver = new Resolver('at random')
  const orders = await Promise.all(Array.from({ length: 20 }, () => orderOf(new Resolver('at random'))))
  for (const order of orders) assert.deepEqual(order.toSorted(), addresses)
  assert.ok(new Set(orders.map(String)).size > 1)
  resolver.avoid('127.0.0.5')
  assert.equal((await orderOf(resolver)).at(-1), '127.0.0.5')
  assert.deepEqual(await orderOf(new Resolver()), addresses)
})

test('if no address answers, the error names each', async (t) => {
  named(t, 'receiver.test', ['127.0.0.1', '127.0.0.2'])
  const port = await freePort()
  const { post } = await poster(t, `http://receiver.test:${port}/`)
  assert.deepEqual(await post(), {
    kind: 'retry',
    reason: `connect ECONNREFUSED 127.0.0.1:${port}; connect ECONNREFUSED 127.0.0.2:${port}`,
  })
})

test('a name is not resolved again while a lookup is running', async (t) => {
  const { asked } = named(t, 'receiver.test', ['127.0.0.1'])
  const resolver = new Resolver()
  const ask = () =>
    new Promise((resolve) => resolver.lookup('receiver.test', {}, (error, found) => resolve(error ?? found)))
  assert.deepEqual(await Promise.all([ask(), ask()]), [
    [{ address: '127.0.0.1', family: 4 }],
    [{ address: '127.0.0.1', family: 4 }],
  ])
  assert.deepEqual(asked, ['receiver.test'])
  await ask()
  assert.equal(asked.length, 2)
})

test('an answer that is not HTTP gives a short error', async (t) => {
  const { port } = await rawServer(t, (socket) => socket.end('hello\r\n\r\n'))
  const { post } = await poster(t, `http://127.0.0.1:${port}/`)
  const outcome = await post()
  assert.equal(outcome.kind, 'uncertain')
  assert.match('reason' in outcome ? outcome.reason : '', /^Response does not match the HTTP\/1\.1 protocol/)
})
