import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { hintFor } from '../../src/hints/hint.ts'
import type { Access } from '../../src/http/types.ts'
import { certificates, pemFile, selfSigned } from '../support/certificates.ts'
import { answerOf, poster, rawServer } from '../support/raw.ts'
import { freePort } from '../support/servers.ts'

/** The hint for a real error of Node and OpenSSL. */
async function hinted(t: TestContext, url: string, access?: Access): Promise<string> {
  const outcome = await (await poster(t, url, { timeoutMs: 2000, ...(access && { access }) })).post()
  assert.notEqual(outcome.kind, 'delivered')
  const reason = outcome.kind === 'delivered' ? '' : outcome.reason
  return `${hintFor(reason, { part: 'remote-write', url })} <- ${reason}`
}

const healthy = (t: TestContext, tls?: object) =>
  rawServer(t, (socket) => socket.write(answerOf(204)), tls === undefined ? {} : { tls })

test('http:// to a port that speaks TLS, and the reverse', async (t) => {
  const { server } = certificates(t)
  const secure = await healthy(t, server)
  assert.match(
    await hinted(t, `http://127.0.0.1:${secure.port}/`),
    /^(Use https:\/\/|Check the port, or use https:\/\/|Check the scheme of the url \(http or https\))/,
  )
  const plain = createServer((_, response) => response.end())
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  t.after(() => plain.close())
  const { port } = plain.address() as AddressInfo
  assert.match(await hinted(t, `https://127.0.0.1:${port}/`), /^Use http:\/\/ in the url/)
})

test('an unknown CA, a certificate for another name, no common TLS version', async (t) => {
  const { server, ca } = certificates(t)
  const { port } = await healthy(t, server)
  assert.match(await hinted(t, `https://127.0.0.1:${port}/`), /tls_config\.ca_file/)
  const tls = { ca: pemFile(ca), verify: true }
  assert.match(
    await hinted(t, `https://127.0.0.1:${port}/`, { tls: { ...tls, serverName: 'else.test' } }),
    /another name/,
  )
  const newest = await healthy(t, { ...server, minVersion: 'TLSv1.3' })
  const old = { ...tls, maxVersion: 'TLS12' } as const
  assert.match(await hinted(t, `https://127.0.0.1:${newest.port}/`, { tls: old }), /no TLS version in common/)
})

test('an expired certificate, and a self-signed one', async (t) => {
  const own = await healthy(t, selfSigned(t, '20200101', '20990101'))
  assert.match(await hinted(t, `https://127.0.0.1:${own.port}/`), /it is self-signed/)
  const { file, ...old } = selfSigned(t, '20200101', '20200102')
  const { port } = await healthy(t, old)
  const tls = { ca: pemFile(file), verify: true }
  assert.match(await hinted(t, `https://127.0.0.1:${port}/`, { tls }), /to renew the certificate/)
})

test('a server that requires a client certificate', async (t) => {
  const { server, ca } = certificates(t)
  const { port } = await healthy(t, { ...server, requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' })
  assert.match(
    await hinted(t, `https://127.0.0.1:${port}/`, { tls: { ca: pemFile(ca), verify: true } }),
    /client certificate|closed the connection/,
  )
})

test('an unknown host name, a closed port, a proxy that is not reachable or requires credentials', async (t) => {
  assert.match(await hinted(t, 'http://nowhere.invalid/'), /the name is unknown|no name server answers/)
  const port = await freePort()
  assert.match(await hinted(t, `http://127.0.0.1:${port}/`), /nothing listens there/)
  const proxy = { url: new URL(`http://127.0.0.1:${port}`) }
  const access = { proxy: { http: proxy, https: proxy, connectHeaders: {} } }
  assert.match(await hinted(t, 'https://receiver.test/', access), /the proxy itself/)
  const gate = await rawServer(t, (socket) => socket.write(answerOf(407)))
  const other = { url: new URL(`http://127.0.0.1:${gate.port}`) }
  const refusing = { proxy: { http: other, https: other, connectHeaders: {} } }
  assert.match(await hinted(t, 'https://receiver.test/', refusing), /the proxy requires credentials/)
  assert.match(await hinted(t, 'http://receiver.test/', refusing), /the proxy requires credentials/)
})
