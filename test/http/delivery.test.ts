import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Outcome } from '../../src/http/retry/outcome.ts'
import { certificates, pemFile } from '../support/certificates.ts'
import { answerOf, poster, type RawRequest, rawServer } from '../support/raw.ts'
import { freePort, root } from '../support/servers.ts'

/** The words of docs/delivery.md for an outcome. */
function wordOf(outcome: Outcome): string {
  return outcome.kind === 'retry' && outcome.afterMs === 60_000 ? 'paused' : outcome.kind
}

type Answer = (socket: Socket, request: RawRequest) => void

type Case = (t: TestContext) => Promise<Outcome>

/** A case, the word of docs/delivery.md for its outcome, and the expected reason. */
type Row = readonly [run: Case, word: string, reason?: RegExp]

/** One request to a server with this answer. */
const served =
  (answer: Answer, timeoutMs = 20_000): Case =>
  async (t) => {
    const { port } = await rawServer(t, answer)
    return (await poster(t, `http://127.0.0.1:${port}/api`, { timeoutMs })).post()
  }

const says = (status: number, headers: Record<string, string> = {}, body = '') =>
  served((socket) => socket.write(answerOf(status, headers, body)))

/** The body pauses for longer than the timeout of its parts. */
const breaksOff = (status: number, length: string, body = '') =>
  served((socket) => socket.write(answerOf(status, { 'content-length': length }, body)), 2000)

const away =
  (status: number): Answer =>
  (socket, { line }) =>
    socket.write(line.includes('/moved') ? answerOf(204) : answerOf(status, { location: '/moved' }))

/** Redirects the first request and accepts the second. */
const sendsOn = (status: number) => served(away(status))

const later = served((socket) =>
  socket.write(answerOf(429, { 'retry-after': new Date(Date.now() + 9500).toUTCString() })),
)

const rows: Readonly<Record<string, Row>> = {
  '200': [says(200, {}, 'whatever'), 'delivered'],
  '202': [says(202), 'delivered'],
  '204': [says(204), 'delivered'],
  '301': [sendsOn(301), 'paused', /^HTTP 301 to \/moved: not the answer of a receiver$/],
  '307': [sendsOn(307), 'delivered'],
  '308': [sendsOn(308), 'delivered'],
  '307 in a loop': [says(307, { location: '/api' }), 'paused', /^HTTP 307 to \/api: not the answer of a receiver$/],
  '307 from https to http': [outOfTls, 'paused', /^HTTP 307 to http:\/\/127/],
  '308 with follow_redirects off': [notFollowed, 'paused', /^HTTP 308 to \/moved/],
  '400': [says(400, {}, 'out of order\nand more'), 'rejected', /^HTTP 400: out of order$/],
  '401': [says(401), 'paused'],
  '403': [says(403), 'paused'],
  '404': [says(404), 'paused'],
  '407': [says(407), 'paused'],
  '408': [says(408), 'retry'],
  '409': [says(409), 'rejected'],
  '413': [says(413), 'rejected'],
  '415': [says(415), 'rejected'],
  '422': [says(422), 'rejected'],
  '429 with Retry-After in seconds': [says(429, { 'retry-after': '7' }), 'retry', /^HTTP 429$/],
  '429 with Retry-After as a date': [later, 'retry'],
  '429 with garbage in Retry-After': [says(429, { 'retry-after': 'soon' }), 'retry'],
  '500': [says(500, {}, 'we are sorry'), 'retry', /^HTTP 500: we are sorry$/],
  '501': [says(501), 'retry'],
  '502': [says(502), 'uncertain'],
  '503': [says(503), 'uncertain'],
  '504': [says(504), 'uncertain'],
  '529': [says(529), 'retry'],
  '999': [says(999), 'retry'],
  '200 with an HTML page': [
    says(200, { 'content-type': 'text/html' }, '<!doctype html>Log in'),
    'paused',
    /a web page/,
  ],
  'no HTTP at all': [served((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')), 'uncertain'],
  'connection reset before the request is read': [resetBefore, 'uncertain'],
  'connection reset after the request is read': [
    served((socket) => socket.resetAndDestroy()),
    'uncertain',
    /ECONNRESET|other side closed/,
  ],
  'reset of a reused connection': [resetUsed, 'delivered'],
  'no answer': [served(() => {}, 500), 'uncertain', /^no answer within 500 ms$/],
  '200, then the body stops': [breaksOff(200, '10'), 'delivered'],
  '500, then the body stops': [breaksOff(500, '99', 'on fire'), 'retry', /^HTTP 500: on fire$/],
  '500 with a body of 10 MB': [says(500, {}, 'x'.repeat(10e6)), 'retry', /^HTTP 500: x{512}$/],
  'host name does not resolve': [nameless, 'retry', /ENOTFOUND|EAI_AGAIN/],
  'connection refused': [refusedPort, 'retry', /ECONNREFUSED/],
  'TLS handshake timeout': [noHandshake, 'retry', /Connect Timeout/],
  'certificate not trusted': [untrusted, 'retry', /self-signed certificate/],
}

async function outOfTls(t: TestContext): Promise<Outcome> {
  const { ca, server } = certificates(t)
  const { port } = await rawServer(t, (socket) => socket.write(answerOf(307, { location: 'http://127.0.0.1:9/' })), {
    tls: server,
  })
  const tls = { ca: pemFile(ca), verify: true }
  return (await poster(t, `https://127.0.0.1:${port}/api`, { access: { tls } })).post()
}

async function notFollowed(t: TestContext): Promise<Outcome> {
  const { port } = await rawServer(t, away(308))
  return (await poster(t, `http://127.0.0.1:${port}/api`, { redirects: 'refuse' })).post()
}

async function resetBefore(t: TestContext): Promise<Outcome> {
  const { port } = await rawServer(t, () => {})
  const one = await poster(t, `http://127.0.0.1:${port}/api`)
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 100) // an abort by the agent is not an answer either
  return one.post('samples', stop.signal)
}

async function resetUsed(t: TestContext): Promise<Outcome> {
  const { port, requests } = await rawServer(t, (socket, { number }) => {
    if (number === 2) socket.resetAndDestroy()
    else socket.write(answerOf(204))
  })
  const one = await poster(t, `http://127.0.0.1:${port}/api`)
  await one.post()
  const outcome = await one.post()
  assert.deepEqual(
    requests.map(({ connection }) => connection),
    [1, 1, 2],
  )
  return outcome
}

async function nameless(t: TestContext): Promise<Outcome> {
  return (await poster(t, 'http://nowhere.invalid/api')).post()
}

async function refusedPort(t: TestContext): Promise<Outcome> {
  return (await poster(t, `http://127.0.0.1:${await freePort()}/api`)).post()
}

async function noHandshake(t: TestContext): Promise<Outcome> {
  const { port } = await rawServer(t, () => {})
  return (await poster(t, `https://127.0.0.1:${port}/api`, { timeoutMs: 20_000 })).post()
}

async function untrusted(t: TestContext): Promise<Outcome> {
  const { server } = certificates(t)
  const { port } = await rawServer(t, away(204), { tls: server })
  return (await poster(t, `https://127.0.0.1:${port}/api`)).post()
}

for (const [name, [run, word, reason]] of Object.entries(rows)) {
  test(`${name}: ${word}`, async (t) => {
    const outcome = await run(t)
    assert.equal(wordOf(outcome), word, JSON.stringify(outcome))
    if (reason !== undefined) assert.match('reason' in outcome ? outcome.reason : '', reason)
  })
}

test('docs/delivery.md has exactly these rows', () => {
  const page = readFileSync(join(root, 'docs/delivery.md'), 'utf8')
  const text = page.slice(page.indexOf('| Answer | Outcome |')).split('\n## ')[0] ?? ''
  const told = [...text.matchAll(/^\| (\S.*?) \| (\w+) \|/gm)].map(([, name = '', word = '']) => [name, word])
  const tested = Object.entries(rows).map(([name, [, word]]) => [name, word])
  assert.deepEqual(told.slice(1).sort(), tested.sort())
})
