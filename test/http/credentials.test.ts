import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concealed, shownUrl } from '../../src/http/credentials.ts'
import { answerOf, poster, rawServer } from './raw.ts'

test('a URL is shown without what its query holds', () => {
  const shown = (url: string) => shownUrl(new URL(url))
  assert.equal(shown('http://127.0.0.1:9090/api/v1/write'), 'http://127.0.0.1:9090/api/v1/write')
  assert.equal(shown('https://h/w?authKey=s3cret&x'), 'https://h/w?authKey=***&x=***')
  assert.equal(shown('https://me:s3cret@h/w#s3cret'), 'https://h/w')
})

test('what was shown to a receiver is concealed where it says it again', () => {
  const basic = { authorization: `Basic ${Buffer.from('me:p:ssword').toString('base64')}` }
  assert.equal(concealed(`no p:ssword, no ${basic.authorization}`, basic), 'no ***, no Basic ***')
  assert.equal(concealed('token glc_abc is expired', { authorization: 'Bearer glc_abc' }), 'token *** is expired')
  assert.equal(concealed('HTTP 401: a b c', { authorization: 'Bearer a' }), 'HTTP 401: a b c')
})

test('a receiver that repeats the token does not bring it into the log', async (t) => {
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

test('not even the beginning of one, where a long answer is cut', async (t) => {
  const { port } = await rawServer(t, (socket) => socket.write(answerOf(400, {}, `${'x'.repeat(505)}glc_s3cret`)))
  const credentials = { headersFor: () => ({ authorization: 'Bearer glc_s3cret' }) }
  const { post } = await poster(t, `http://127.0.0.1:${port}/`, { credentials })
  assert.deepEqual(await post(), { kind: 'rejected', reason: `HTTP 400: ${'x'.repeat(505)}***`, status: 400 })
})
