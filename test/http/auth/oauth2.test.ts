import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type OAuth2Options, oauth2 } from '../../../src/http/auth/oauth2.ts'
import { createRequester } from '../../../src/http/request.ts'
import { connect } from '../../../src/http/transport/connection.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { Secret } from '../../../src/util/log.ts'
import { answerOf, rawServer } from '../../support/raw.ts'
import { formOf, type Give, scene, token } from '../../support/tokens.ts'

/** A token endpoint, a receiver, and a sender that uses both. */
const bySecret = (t: TestContext, give: Give, more: Partial<OAuth2Options> = {}, take?: Give) =>
  scene(
    t,
    (giver) =>
      oauth2({
        tokenUrl: new URL('/token?realm=lab', giver),
        clientId: 'me & you',
        proof: { grant: 'client_credentials', secret: () => new Secret('s3cret%') },
        scopes: ['metrics:write', 'x'],
        endpointParams: { audience: 'receiver' },
        access: {},
        ...more,
      }),
    { give, ...(take && { take }) },
  )

test('a token is fetched once, and again ten seconds before it expires', async (t) => {
  const { asked, shown, post, pass } = await bySecret(t, ({ number }) =>
    token(`t${number}`, { expires_in: 60, token_type: 'bearer' }),
  )
  for (const ms of [0, 0, 45_000, 10_000]) {
    pass(ms)
    assert.equal((await post()).kind, 'delivered')
  }
  assert.deepEqual(shown(), ['Bearer t1', 'Bearer t1', 'Bearer t1', 'Bearer t2'])
  const [first] = asked
  assert.equal(first?.line, 'POST /token?realm=lab HTTP/1.1')
  assert.equal(first.headers['content-type'], 'application/x-www-form-urlencoded')
  assert.equal(first.headers['authorization'], `Basic ${Buffer.from('me+%26+you:s3cret%25').toString('base64')}`)
  assert.deepEqual(formOf(first), {
    grant_type: 'client_credentials',
    scope: 'metrics:write x',
    audience: 'receiver',
  })
})

test('a token endpoint without Basic gets id and secret in the form from then on', async (t) => {
  const { asked, post, pass } = await bySecret(t, ({ headers, number }) =>
    headers['authorization'] ? answerOf(401) : token(`t${number}`, { expires_in: '60' }),
  )
  assert.equal((await post()).kind, 'delivered')
  pass(60_000)
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(
    asked.map((one) => formOf(one)['client_secret']),
    [undefined, 's3cret%', 's3cret%'],
  )
})

test('a token that the receiver rejects before it expires is fetched again at once', async (t) => {
  let good = 't1'
  const { asked, shown, post } = await bySecret(
    t,
    ({ number }) => token(`t${number}`),
    {},
    ({ headers }) => answerOf(headers['authorization'] === `Bearer ${good}` ? 204 : 401),
  )
  assert.equal((await post()).kind, 'delivered')
  good = 't2'
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(shown(), ['Bearer t1', 'Bearer t1', 'Bearer t2'])
  good = 'none'
  assert.deepEqual(await post(), { kind: 'retry', reason: 'HTTP 401', status: 401, afterMs: 60_000 })
  assert.equal(asked.length, 3)
})

const refusals: Readonly<Record<string, readonly [answer: string, reason: RegExp]>> = {
  'says why': [
    answerOf(400, {}, '{"error":"invalid_client","error_description":"s3cret% is wrong"}'),
    /^oauth2: http:\/\/127\.0\.0\.1:\d+\/token: HTTP 400: invalid_client: \*\*\* is wrong$/,
  ],
  'has no token': [answerOf(200, {}, '{"id_token":"x"}'), /: no access_token in the answer$/],
  'is no JSON': [answerOf(200, {}, '<html>s3cret%</html>'), /: no access_token in the answer$/],
  'is a failure': [answerOf(503, {}, 'down'), /: HTTP 503$/],
}
for (const [name, [answer, reason]] of Object.entries(refusals)) {
  test(`a token endpoint's answer that ${name}`, async (t) => {
    const { shown, post } = await bySecret(t, () => answer)
    const outcome = await post()
    assert.equal(outcome.kind, 'retry')
    assert.match('reason' in outcome ? outcome.reason : '', reason)
    assert.deepEqual(shown(), [])
  })
}

test('an unreachable token endpoint is distinguished from the receiver', async (t) => {
  const nowhere = { tokenUrl: new URL('http://127.0.0.1:9/token') }
  const { post } = await bySecret(t, () => '', nowhere)
  assert.deepEqual(await post(), {
    kind: 'retry',
    reason: 'oauth2: http://127.0.0.1:9/token: connect ECONNREFUSED 127.0.0.1:9',
  })
})

test('a timeout of the token endpoint is distinguished from one of the receiver', async (t) => {
  const endpoint = await rawServer(t, () => {})
  const credentials = oauth2({
    tokenUrl: new URL(`http://127.0.0.1:${endpoint.port}/token`),
    clientId: 'me',
    proof: { grant: 'client_credentials', secret: () => new Secret('s3cret') },
    scopes: [],
    endpointParams: {},
    access: {},
  })
  const url = new URL('http://127.0.0.1:9/api')
  const target = { url, headers: () => ({}), credentials, timeoutMs: 50 }
  const requester = createRequester(target, await connect(url.origin), systemClock)
  t.after(() => requester.close())
  const outcome = await requester.post(Buffer.from('x'), {}, AbortSignal.timeout(10_000))
  assert.deepEqual(outcome, { kind: 'retry', reason: 'no credentials: no answer within 50 ms' })
})

for (const [what, bad, words] of [
  ['a token with a line feed', { access_token: 't\r\nx: y' }, /access_token is not valid in a header/],
  ['a token with NUL', { access_token: 't\0' }, /access_token is not valid in a header/],
  ['a token with a letter beyond Latin-1', { access_token: 't\u4e2d' }, /access_token is not valid in a header/],
  ['a token of blanks', { access_token: ' ' }, /access_token is not valid in a header/],
  ['a type with a line feed', { access_token: 't', token_type: 'a\nb' }, /token_type is not valid in a header/],
] as const)
  test(`${what} is not kept: the next request gets a new one`, async (t) => {
    const { asked, shown, post } = await bySecret(t, ({ number }) =>
      number === 1 ? token('', bad) : token(`t${number}`),
    )
    const outcome = await post()
    assert.equal(outcome.kind, 'retry')
    assert.match('reason' in outcome ? outcome.reason : '', words)
    assert.doesNotMatch('reason' in outcome ? outcome.reason : '', /x: y/)
    assert.equal((await post()).kind, 'delivered')
    assert.equal(asked.length, 2)
    assert.deepEqual(shown(), ['Bearer t2'])
  })
