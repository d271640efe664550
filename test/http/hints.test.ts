import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { hintFor } from '../../src/hints/hint.ts'
import type { Access } from '../../src/http/types.ts'
import { certificates, selfSigned } from '../support/certificates.ts'
import { answerOf, poster, rawServer } from '../support/raw.ts'
import { freePort } from '../support/servers.ts'

/** What Node and OpenSSL really say, and what is made of it. */
async function hinted(t: TestContext, url: string, access?: Access): Promise<string> {
  const outcome = await (await poster(t, url, { timeoutMs: 2000, ...(access && { access }) })).post()
  assert.notEqual(outcome.kind, 'delivered')
  const reason = outcome.kind === 'delivered' ? '' : outcome.reason
  return `${hintFor(reason, { part: 'remote-write', url })} <- ${reason}`
}

const well = (t: TestContext, tls?: object) =>
  rawServer(t, (socket) => socket.write(answerOf(204)), tls === undefined ? {} : { tls })

test('http:// to a port that speaks TLS, and the reverse', async (t) => {
  const { server } = certificates(t)
  const secure = await well(t, server)
  assert.match(
    await hinted(t, `http://127.0.0.1:${secure.port}/`),
    /^(TLS is spoken there|what answers there speaks no HTTP: TLS|the receiver or something on the way .*https:\/\/)/,
  )
  const plain = createServer((_, response) => response.end())
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  t.after(() => plain.close())
  const { port } = plain.address() as AddressInfo
  assert.match(await hinted(t, `https://127.0.0.1:${port}/`), /^no TLS is spoken there/)
})

test('an authority that is not known, another name, a version that nobody else takes', async (t) => {
  const { server, ca } = certificates(t)
  const { port } = await well(t, server)
  assert.match(await hinted(t, `https://127.0.0.1:${port}/`), /tls_config\.ca_file/)
  const tls = { ca: { file: ca }, verify: true }
  assert.match(
    await hinted(t, `https://127.0.0.1:${port}/`, { tls: { ...tls, serverName: 'else.test' } }),
    /another name/,
  )
  const newest = await well(t, { ...server, minVersion: 'TLSv1.3' })
  const old = { ...tls, maxVersion: 'TLS12' } as const
  assert.match(await hinted(t, `https://127.0.0.1:${newest.port}/`, { tls: old }), /no version of TLS/)
})

test('a certificate that has expired, and one that vouches for itself', async (t) => {
  const own = await well(t, selfSigned(t, '20200101', '20990101'))
  assert.match(await hinted(t, `https://127.0.0.1:${own.port}/`), /vouches for itself/)
  const { file, ...old } = selfSigned(t, '20200101', '20200102')
  const { port } = await well(t, old)
  const tls = { ca: { file }, verify: true }
  assert.match(await hinted(t, `https://127.0.0.1:${port}/`, { tls }), /operator has to renew it/)
})

test('a server that wants a client certificate', async (t) => {
  const { server, ca } = certificates(t)
  const { port } = await well(t, { ...server, requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' })
  assert.match(
    await hinted(t, `https://127.0.0.1:${port}/`, { tls: { ca: { file: ca }, verify: true } }),
    /client certificate|cut the line/,
  )
})

test('a name, a port, a proxy that are not there', async (t) => {
  assert.match(await hinted(t, 'http://nowhere.invalid/'), /this name is not known|no name server answers/)
  const port = await freePort()
  assert.match(await hinted(t, `http://127.0.0.1:${port}/`), /nothing listens there/)
  const proxy = { url: new URL(`http://127.0.0.1:${port}`) }
  const access = { proxy: { http: proxy, https: proxy, connectHeaders: {} } }
  assert.match(await hinted(t, 'https://receiver.test/', access), /the proxy itself/)
  const gate = await rawServer(t, (socket) => socket.write(answerOf(407)))
  const other = { url: new URL(`http://127.0.0.1:${gate.port}`) }
  const refusing = { proxy: { http: other, https: other, connectHeaders: {} } }
  assert.match(await hinted(t, 'https://receiver.test/', refusing), /the proxy wants to know who we are/)
  assert.match(await hinted(t, 'http://receiver.test/', refusing), /the proxy wants to know who we are/)
})
