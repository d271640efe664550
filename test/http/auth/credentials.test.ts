import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redact, redactedUrl, secretsOf } from '../../../src/http/redact.ts'
import { answerOf, poster, rawServer } from '../../support/raw.ts'

test('a URL is shown without the values of its query', () => {
  const shown = (url: string) => redactedUrl(new URL(url))
  assert.equal(shown('http://127.0.0.1:9090/api/v1/write'), 'http://127.0.0.1:9090/api/v1/write')
  assert.equal(shown('https://h/w?authKey=s3cret&x'), 'https://h/w?authKey=***&x=***')
  assert.equal(shown('https://me:s3cret@h/w#s3cret'), 'https://h/w')
})

/** The redacted answer of a receiver after a request with these headers to this URL. */
const told = (words: string, headers: Record<string, string>, url = 'http://h/') =>
  redact(words, secretsOf(new URL(url), headers))

test('secrets that the receiver repeats are masked', () => {
  const basic = { authorization: `Basic ${Buffer.from('me:p:ssword').toString('base64')}` }
  assert.equal(told(`no p:ssword, no ${basic.authorization}`, basic), 'no ***, no Basic ***')
  assert.equal(told('token glc_abc is expired', { authorization: 'Bearer glc_abc' }), 'token *** is expired')
  assert.equal(told('HTTP 401: a b c', { authorization: 'Bearer a' }), 'HTTP 401: a b c')
})

test('configured headers are masked, except those of the tenant', () => {
  const headers = { 'X-Api-Key': 's3cret', Cookie: 'a=s3cret2', 'X-Scope-OrgID': 'tenant' }
  assert.equal(told('tenant: no s3cret2 of a=s3cret2, s3cret', headers), 'tenant: no *** of ***, ***')
  assert.equal(told('no first1, no second2', { 'X-A': 'first1, second2' }), 'no ***, no ***')
  assert.equal(told('no s3cret2 in b', { Cookie: 'b=c; a=s3cret2' }), 'no *** in b')
  assert.equal(told('no abcdef', { 'X-Auth': 'Token abcdef' }), 'no ***')
})

test("values of a URL's query are masked, decoded and encoded", () => {
  assert.equal(told('no /w?key=a%20b%3Fc, no a b?c', {}, 'http://h/w?key=a%20b%3fc'), 'no /w?key=***, no ***')
  assert.equal(told(JSON.stringify({ key: 'a"bcd' }), { 'X-Key': 'a"bcd' }), '{"key":"***"}')
})

const token = 'glc_eyJvIjoiMTIzNDU2Iiwi+/bi=='
const withToken = { authorization: `Bearer ${token}` }

test('every beginning of 8 or more characters of a secret is masked, with any end, in any text', () => {
  for (let length = 8; length <= token.length; length++)
    for (const end of ['', '…', ' is wrong', '"'])
      assert.equal(told(`no ${token.slice(0, length)}${end}`, withToken), `no ***${end}`)
  assert.equal(told(`no ${token.slice(0, 7)}`, withToken), `no ${token.slice(0, 7)}`)
  const long = 'T'.repeat(60_000)
  assert.equal(told(`no ${long.slice(0, 500)}`, { authorization: `Bearer ${long}` }), 'no ***')
  assert.equal(told(`${token}${token.slice(0, 9)}, ${token}`, withToken), '***, ***')
})

test('secrets are masked in base64 at any position, and with any mixture of percent escapes', () => {
  for (const before of ['', 'a', 'ab', 'user:', '{"token":"'])
    for (const encoding of ['base64', 'base64url'] as const) {
      const shown = told(`no ${Buffer.from(`${before}${token}!`).toString(encoding)}`, withToken)
      const seen = Buffer.from(shown.replace(/^no /, '').replaceAll('***', ''), encoding).toString()
      assert.ok(!seen.includes(token.slice(0, 4)), `${before} ${encoding}: ${shown}`)
    }
  const escaped = (every: number) =>
    [...token].map((one, i) => (i % every === 0 ? `%${one.charCodeAt(0).toString(16)}` : one)).join('')
  for (const every of [1, 2, 3]) {
    assert.equal(told(`100% no ${escaped(every)} %zz`, withToken), '100% no *** %zz')
    assert.equal(told(`no ${escaped(every).slice(0, 24)}`, withToken), 'no ***')
  }
  assert.equal(told('no p%C3%A4ssw%C3%B6rt%20%E2%82%AC, %C3%A4', { 'X-Key': 'pässwört €' }), 'no ***, %C3%A4')
})

test('a token that the receiver repeats does not appear in the log', async (t) => {
  const { port } = await rawServer(t, (socket, { headers }) =>
    socket.write(answerOf(401, {}, `you said ${headers['authorization']}`)),
  )
  const credentials = { headersFor: () => ({ authorization: 'Bearer glc_s3cret' }) }
  const { post } = await poster(t, `http://127.0.0.1:${port}/`, { credentials })
  assert.deepEqual(await post(), {
    kind: 'retry',
    reason: 'HTTP 401: you said Bearer ***',
    status: 401,
    afterMs: 60_000,
  })
})

test('not even a part of a token appears if a long answer is truncated', async (t) => {
  const { port } = await rawServer(t, (socket) => socket.write(answerOf(400, {}, `${'x'.repeat(505)}glc_s3cret`)))
  const credentials = { headersFor: () => ({ authorization: 'Bearer glc_s3cret' }) }
  const { post } = await poster(t, `http://127.0.0.1:${port}/`, { credentials })
  assert.deepEqual(await post(), { kind: 'rejected', reason: `HTTP 400: ${'x'.repeat(505)}***`, status: 400 })
})
