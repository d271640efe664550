import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Connections } from '../../src/web/connections.ts'
import { clientOf, RateLimiter } from '../../src/web/rate-limit.ts'
import { TestClock } from '../support/clock.ts'
import { eventually } from '../support/servers.ts'
import { serve } from './server.ts'

/** Opens connections from a loopback address. */
async function open(t: TestContext, port: number, count: number, { text = '', from = '127.0.0.1' } = {}) {
  const sockets = Array.from({ length: count }, () => connect({ port, host: '127.0.0.1', localAddress: from }))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(
    sockets.map(async (socket) => {
      socket.on('error', () => {})
      await once(socket, 'connect')
      if (text !== '') socket.write(text)
    }),
  )
  return sockets
}

test('1,000 half-open connections do not shut out a client', async (t) => {
  const { port, get } = await serve(t)
  const headers = { connection: 'close' } // a client with an idle connection may have to open another one
  for (const text of ['', 'GET / HTTP/1.1\r\nhost: x\r\n']) {
    const sockets = await open(t, port, 1000, { text })
    for (let i = 0; i < 5; i++) assert.equal((await get('/-/healthy', { headers })).status, 200)
    const held = async () => sockets.filter(({ destroyed }) => !destroyed).length
    await eventually(held, (count) => count <= 256) // the client learns later that a connection is closed
  }
})

test('1,000 connections with a request, from another address, do not close the idle connection of a client', async (t) => {
  const { port } = await serve(t)
  const healthy = 'GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n'
  const [mine] = (await open(t, port, 1, { text: healthy, from: '127.0.0.2' })) as [Socket]
  await once(mine, 'data')
  await open(t, port, 1000, { text: healthy })
  mine.write(healthy)
  assert.match(String((await once(mine, 'data'))[0]), /^HTTP\/1.1 200/)
})

interface FakeSocket {
  readonly remoteAddress: string
  readonly remotePort: number
  destroyed: boolean
  destroy(): void
  once(): void
}

/** Connections with sockets that only remember that they were closed. */
function fakes() {
  const clock = new TestClock()
  const connections = new Connections(clock)
  let port = 1
  const add = (remoteAddress: string): FakeSocket => {
    const socket: FakeSocket = {
      ...{ remoteAddress, remotePort: port++, destroyed: false, once() {} },
      destroy() {
        socket.destroyed = true
      },
    }
    connections.add(socket as unknown as Socket)
    return socket
  }
  return { clock, connections, add }
}

test('above the limit the client with the most connections loses one: half-open, then idle, then the oldest', async () => {
  const { clock, connections, add } = fakes()
  const other = add('10.0.0.1')
  const [active, idle, halfOpen] = [add('10.0.0.2'), add('10.0.0.2'), add('10.0.0.2')]
  const work = Promise.withResolvers<void>()
  connections.handle(active as unknown as Socket, () => work.promise)
  connections.handle(idle as unknown as Socket, async () => {})
  await clock.pass(2000)
  const young = Array.from({ length: 253 }, () => add('10.0.0.2'))
  assert.deepEqual(
    [other, active, idle, halfOpen, ...young].filter(({ destroyed }) => destroyed),
    [halfOpen],
  )
  work.resolve()
})

test('the requests of a connection are handled one at a time, at most 32 wait, and none after its end', async () => {
  const { connections, add } = fakes()
  const socket = add('10.0.0.1')
  const first = Promise.withResolvers<void>()
  let handled = 0
  const handle = (work = first.promise) =>
    connections.handle(socket as unknown as Socket, () => {
      handled++
      return work
    })
  for (let i = 0; i < 32; i++) handle()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(handled, 1)
  assert.equal(socket.destroyed, false)
  handle()
  assert.equal(socket.destroyed, true)
  first.resolve()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(handled, 1)
})

test('each client has its own rate limit, and an IPv6 network of 64 bits is one client', () => {
  const limiter = new RateLimiter()
  const limit = { burst: 2, intervalMs: 1000 }
  const results = ['a', 'a', 'a', 'b', 'b', 'b'].map((client) => limiter.isWithin(limit, client, 0))
  assert.deepEqual(results, [true, true, false, true, true, false])
  assert.equal(limiter.isWithin(limit, 'a', 1000), true)
  assert.equal(limiter.isWithin(limit, 'a', 1000), false)
  assert.equal(clientOf('::ffff:10.1.2.3'), '10.1.2.3')
  assert.equal(clientOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(clientOf('2001:db8::1'), '2001:db8:0:0::/64')
  assert.equal(clientOf('::1'), '0:0:0:0::/64')
  assert.equal(clientOf('fe80::1%eth0'), 'fe80:0:0:0::/64')
  assert.equal(clientOf(undefined), 'local')
})
