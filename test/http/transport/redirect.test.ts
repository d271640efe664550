import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { isSameParty, redirectOf } from '../../../src/http/transport/redirect.ts'
import { certificates, pemFile } from '../../support/certificates.ts'
import { answerOf, poster, rawServer } from '../../support/raw.ts'

const credentials = { headersFor: () => ({ authorization: 'Bearer s3cret-token' }) }
const secret = { credentials, headers: () => ({ 'X-Scope-OrgID': 'tenant', 'X-Key': 'k3y' }) }

test('a redirect keeps method, body and protocol headers; on the same host credentials too', async (t) => {
  const { port, requests } = await rawServer(t, (socket, { line }) =>
    socket.write(line.startsWith('POST /old') ? answerOf(308, { location: '/new?a=b' }) : answerOf(204)),
  )
  const { post } = await poster(t, `http://127.0.0.1:${port}/old`, secret)
  assert.equal((await post('samples')).kind, 'delivered')
  const [, second] = requests
  assert.equal(second?.line, 'POST /new?a=b HTTP/1.1')
  assert.equal(second.body.toString(), 'samples')
  assert.equal(second.headers['content-type'], 'application/x-protobuf')
  assert.equal(second.headers['authorization'], 'Bearer s3cret-token')
  assert.equal(second.headers['x-scope-orgid'], 'tenant')
  assert.equal(second.connection, 1)
})

test('another host or port gets neither credentials nor configured headers', async (t) => {
  const other = await rawServer(t, (socket) => socket.write(answerOf(204)))
  const { port, requests } = await rawServer(t, (socket) =>
    socket.write(answerOf(307, { location: `http://me:pw@127.0.0.1:${other.port}/x` })),
  )
  const { post } = await poster(t, `http://127.0.0.1:${port}/`, secret)
  assert.equal((await post()).kind, 'delivered')
  assert.equal((await post()).kind, 'delivered')
  assert.equal(requests[0]?.headers['authorization'], 'Bearer s3cret-token')
  assert.deepEqual(Object.keys(other.requests[0]?.headers ?? {}).sort(), [
    'connection',
    'content-length',
    'content-type',
    'host',
  ])
  assert.equal(other.connections, 1)
})

test('the same host over TLS gets both and the client certificate; another host does not get it', async (t) => {
  const made = certificates(t)
  const shown: (string | undefined)[] = []
  const secure = await rawServer(
    t,
    (socket) => {
      shown.push((socket as TLSSocket).getPeerCertificate()?.subject?.CN as string | undefined)
      socket.write(answerOf(204))
    },
    { tls: { ...made.server, requestCert: true, rejectUnauthorized: false } },
  )
  const files = made.make('client')
  const tls = { ca: pemFile(made.ca), cert: pemFile(files.cert), key: pemFile(files.key), verify: true }
  for (const host of ['127.0.0.1', 'localhost']) {
    const { port } = await rawServer(t, (socket) =>
      socket.write(answerOf(308, { location: `https://${host}:${secure.port}/` })),
    )
    const { post } = await poster(t, `http://127.0.0.1:${port}/`, { ...secret, access: { tls } })
    const outcome = await post()
    assert.equal(outcome.kind, 'delivered', JSON.stringify(outcome))
  }
  assert.deepEqual(shown, ['client', undefined])
  assert.deepEqual(
    secure.requests.map(({ headers }) => headers['authorization']),
    ['Bearer s3cret-token', undefined],
  )
})

test('a loop ends after five redirects', async (t) => {
  const { port, requests } = await rawServer(t, (socket) => socket.write(answerOf(307, { location: '/again' })))
  const { post } = await poster(t, `http://127.0.0.1:${port}/`)
  assert.equal((await post()).kind, 'retry')
  assert.equal(requests.length, 6)
})

test('targets of redirects', () => {
  const from = new URL('https://receiver.test/api')
  const to = (location: string | undefined, status = 307) =>
    redirectOf({ status, headers: { location }, body: '' }, from)?.href
  assert.equal(to('/new#part'), 'https://receiver.test/new')
  assert.equal(to('//other.test/x', 308), 'https://other.test/x')
  assert.equal(to('https://user:pw@other.test/'), 'https://other.test/')
  for (const nowhere of [undefined, 'http://receiver.test/', 'ftp://receiver.test/', 'https://', 'javascript:1'])
    assert.equal(to(nowhere), undefined)
  for (const status of [200, 301, 302, 303, 400]) assert.equal(to('/new', status), undefined)
})

test('origins that may get secrets', () => {
  const isSame = (own: string, other: string) => isSameParty(new URL(own), new URL(other))
  assert.ok(isSame('http://a/x', 'http://a/y'))
  assert.ok(isSame('http://a/x', 'https://a/x'))
  for (const [own, other] of [
    ['https://a', 'http://a'],
    ['https://a', 'https://a:8443'],
    ['https://a', 'https://b.a'],
    ['https://a', 'https://a.b'],
  ] as const)
    assert.ok(!isSame(own, other), `${own} ${other}`)
})

/** Paths of successive requests to a server with changing answers. */
async function asked(t: TestContext, answer: (line: string, number: number) => string, posts: number) {
  const { port, requests } = await rawServer(t, (socket, { line, number }) => socket.write(answer(line, number)))
  const { post } = await poster(t, `http://127.0.0.1:${port}/old`, secret)
  const kinds: string[] = []
  for (let i = 0; i < posts; i++) kinds.push((await post()).kind)
  return { kinds, paths: requests.map(({ line }) => line.split(' ')[1]), requests }
}

test('after a permanent redirect, later requests go to the new target, with credentials', async (t) => {
  const { paths, requests } = await asked(
    t,
    (line) => (line.includes('/old') ? answerOf(308, { location: '/new' }) : answerOf(204)),
    3,
  )
  assert.deepEqual(paths, ['/old', '/new', '/new', '/new'])
  assert.equal(requests.at(-1)?.headers['authorization'], 'Bearer s3cret-token')
})

test('after a temporary redirect, later requests go to the old target; only permanent steps are skipped', async (t) => {
  const away = (status: number) => (line: string) =>
    line.includes('/old') ? answerOf(status, { location: '/new' }) : answerOf(204)
  assert.deepEqual((await asked(t, away(307), 2)).paths, ['/old', '/new', '/old', '/new'])
  const chain = (line: string) => {
    if (line.includes('/old')) return answerOf(308, { location: '/mid' })
    return line.includes('/mid') ? answerOf(307, { location: '/new' }) : answerOf(204)
  }
  assert.deepEqual((await asked(t, chain, 2)).paths, ['/old', '/mid', '/new', '/mid', '/new'])
})

test('after a failure at the new target, requests go to the old one', async (t) => {
  const answer = (line: string, number: number) => {
    if (line.includes('/old')) return number < 3 ? answerOf(308, { location: '/new' }) : answerOf(204)
    return number > 2 ? answerOf(404) : answerOf(204)
  }
  const { kinds, paths } = await asked(t, answer, 3)
  assert.deepEqual(kinds, ['delivered', 'retry', 'delivered'])
  assert.deepEqual(paths, ['/old', '/new', '/new', '/old'])
})
