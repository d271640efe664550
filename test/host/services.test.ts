import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { hostServices } from '../../src/host/services.ts'
import { messageOf } from '../../src/util/log.ts'
import { selfSigned } from '../support/certificates.ts'
import { temporary } from '../support/servers.ts'

const { get } = hostServices()
const maxBytes = 10_000
const never = new AbortController().signal

/** Addresses of the servers: loopback, and a Unix socket with a blank in its name. */
const places = ['loopback', 'unix'] as const

async function listen(t: TestContext, server: Server, place: (typeof places)[number]): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const path = join(temporary(t), 'a b.sock')
  if (place === 'unix') server.listen(path)
  else server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return place === 'unix'
    ? `unix://${path.replace(' ', '%20')}:`
    : `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const serving = (t: TestContext, listener: RequestListener, place: (typeof places)[number]) =>
  listen(t, createServer(listener), place)

async function failure(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => assert.fail('a failure is expected'),
    (error: unknown) => messageOf(error),
  )
}

for (const place of places) {
  test(`${place}: an answer has its status, its headers and its bytes`, async (t) => {
    let asked: { method?: string; url?: string; version: string; headers: IncomingHttpHeaders } | undefined
    const base = await serving(
      t,
      ({ method = '', url = '', httpVersion: version, headers }, answer) => {
        asked = { method, url, version, headers }
        answer.writeHead(
          200,
          [
            ['content-type', 'text/plain'],
            ['x-a', '1'],
            ['x-a', '2'],
          ].flat(),
        )
        answer.end('up 1\n')
      },
      place,
    )
    const answer = await get(`${base}/metrics?a=b`, { signal: never, headers: { accept: 'text/plain' }, maxBytes })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['content-type'], 'text/plain')
    assert.equal(answer.headers['x-a'], '1, 2')
    assert.equal(Buffer.from(answer.bytes).toString(), 'up 1\n')
    assert.deepEqual([asked?.method, asked?.url, asked?.version], ['GET', '/metrics?a=b', '1.1'])
    assert.equal(asked?.headers.accept, 'text/plain')
  })

  test(`${place}: status 404 and a redirect are answers`, async (t) => {
    const base = await serving(
      t,
      ({ url }, answer) => {
        answer.writeHead(url === '/old' ? 302 : 404, { location: '/new' })
        answer.end('not here')
      },
      place,
    )
    const answer = await get(`${base}/none`, { signal: never, maxBytes })
    assert.deepEqual([answer.status, Buffer.from(answer.bytes).toString()], [404, 'not here'])
    assert.equal((await get(`${base}/old`, { signal: never, maxBytes })).status, 302)
  })

  test(`${place}: a body up to the limit is read, a longer one is an error, with a length or without`, async (t) => {
    const base = await serving(
      t,
      ({ url }, answer) => {
        const size = url === '/fits' ? maxBytes : maxBytes + 1
        if (url === '/chunked') for (let i = 0; i <= maxBytes; i += 1000) answer.write('x'.repeat(1000))
        answer.end(url === '/chunked' ? '' : 'x'.repeat(size))
      },
      place,
    )
    assert.equal((await get(`${base}/fits`, { signal: never, maxBytes })).bytes.length, maxBytes)
    for (const path of ['/long', '/chunked'])
      assert.match(await failure(get(base + path, { signal: never, maxBytes })), /the answer exceeds 10000 bytes/)
  })

  test(`${place}: gzip is left to the caller`, async (t) => {
    const zipped = gzipSync('up 1\n')
    const base = await serving(
      t,
      (_, answer) => {
        answer.writeHead(200, { 'content-encoding': 'gzip' })
        answer.end(zipped)
      },
      place,
    )
    const { bytes, headers } = await get(`${base}/`, { signal: never, maxBytes })
    assert.equal(headers['content-encoding'], 'gzip')
    assert.equal(gunzipSync(bytes).toString(), 'up 1\n')
  })

  test(`${place}: the signal ends a request without an answer, with half an answer, and before it begins`, async (t) => {
    const base = await serving(
      t,
      ({ url }, answer) => {
        if (url === '/half') answer.write('half of it')
      },
      place,
    )
    for (const path of ['/silent', '/half']) {
      const end = new AbortController()
      const failed = failure(get(base + path, { signal: end.signal, maxBytes }))
      setTimeout(() => end.abort(new Error('too slow')), 30)
      assert.match(await failed, /too slow/)
    }
    const aborted = AbortSignal.abort(new Error('too late'))
    assert.match(await failure(get(`${base}/`, { signal: aborted, maxBytes })), /too late/)
  })

  test(`${place}: a connection that is reset, closed early or refused is an error with the name of the server`, async (t) => {
    const base = await listen(
      t,
      createTcpServer((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')
          setTimeout(() => (place === 'unix' ? socket.destroy() : socket.resetAndDestroy()), 5)
        })
        socket.on('error', () => {})
      }),
      place,
    )
    const name = place === 'unix' ? /^no answer from .*a b\.sock/ : /^no answer from 127\.0\.0\.1:\d+/
    assert.match(await failure(get(`${base}/`, { signal: never, maxBytes })), name)
    const nobody = place === 'unix' ? 'unix:///nonexistent/x.sock:/' : 'http://127.0.0.1:1/'
    assert.match(await failure(get(nobody, { signal: never, maxBytes })), /ENOENT|ECONNREFUSED/)
  })
}

test('a Unix socket without a path is asked for /, credentials in a URL become basic authentication', async (t) => {
  const seen: (string | undefined)[] = []
  const listener: RequestListener = ({ url, headers }, answer) => {
    seen.push(url, headers.authorization)
    answer.end()
  }
  const unix = await serving(t, listener, 'unix')
  await get(unix.slice(0, -1), { signal: never, maxBytes })
  const loopback = await serving(t, listener, 'loopback')
  await get(loopback.replace('//', '//me:p%20w@'), { signal: never, maxBytes })
  assert.deepEqual(seen, ['/', undefined, '/', `Basic ${Buffer.from('me:p w').toString('base64')}`])
})

test('https verifies the certificate', async (t) => {
  const server = createTlsServer(selfSigned(t, '20200101', '20990101'), (_, answer) => answer.end('up 1'))
  const url = (await listen(t, server, 'loopback')).replace('http:', 'https:')
  assert.match(await failure(get(url, { signal: never, maxBytes })), /^no answer from 127.*self-signed certificate/)
})

test('a secret in a URL is not in the error', async () => {
  const text = await failure(get('http://me:secret@127.0.0.1:1/', { signal: never, maxBytes }))
  assert.ok(!text.includes('secret'), text)
})
