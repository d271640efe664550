import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { googleFileOf, googleIam } from '../../../src/http/auth/google.ts'
import { answerOf } from '../../support/raw.ts'
import { formOf, type Give, keyPair, scene, token } from '../../support/tokens.ts'

const { pkcs8, verified } = keyPair()
const scope = 'https://www.googleapis.com/auth/monitoring.write'

async function from(t: TestContext, held: (() => object) | undefined, give: Give, take?: Give) {
  let tokenUri = ''
  const made = await scene(
    t,
    (giver) => {
      tokenUri = new URL('/token', giver).href
      const file = held && (() => googleFileOf({ token_uri: tokenUri, ...held() }))
      return googleIam({ ...(file && { file }), metadata: giver, access: {} })
    },
    { give, ...(take && { take }) },
  )
  return { ...made, tokenUri }
}

const account = {
  type: 'service_account',
  client_email: 'pusher@lab.iam.gserviceaccount.com',
  private_key_id: 'k1',
  private_key: pkcs8,
}

/** The header of Prometheus 3.15, as recorded at a token endpoint. */
test('a service account sends a signed assertion, and the project to bill', async (t) => {
  const { asked, taken, post, tokenUri } = await from(
    t,
    () => ({ ...account, quota_project_id: 'payer' }),
    () => token('t1', { expires_in: 3599, token_type: 'Bearer' }),
  )
  assert.equal((await post()).kind, 'delivered')
  assert.equal((await post()).kind, 'delivered')
  assert.equal(asked.length, 1)
  const { assertion, ...form } = formOf(asked[0])
  assert.deepEqual(form, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' })
  const { claims, header } = verified(assertion, tokenUri)
  assert.deepEqual(header, { alg: 'RS256', typ: 'JWT', kid: 'k1' })
  const { iss, exp, iat } = claims
  assert.deepEqual([iss, claims['scope'], Number(exp) - Number(iat)], [account.client_email, scope, 3600])
  const [{ headers } = { headers: {} as Record<string, string> }] = taken
  assert.deepEqual([headers['authorization'], headers['x-goog-user-project']], ['Bearer t1', 'payer'])
})

test("a user's refresh token is sent, and a new one from the file after a rejected token", async (t) => {
  let refresh_token = 'first-refresh'
  const user = () => ({ type: 'authorized_user', client_id: 'me', client_secret: 's3cret', refresh_token })
  let good = 'Bearer t1'
  const { asked, shown, post } = await from(
    t,
    user,
    ({ number }) => token(`t${number}`, { expires_in: 3599 }),
    ({ headers }) => answerOf(headers['authorization'] === good ? 204 : 401),
  )
  assert.equal((await post()).kind, 'delivered')
  refresh_token = 'second-refresh'
  good = 'Bearer t2'
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(shown(), ['Bearer t1', 'Bearer t1', 'Bearer t2'])
  const common = { grant_type: 'refresh_token', client_id: 'me', client_secret: 's3cret' }
  assert.deepEqual(asked.map(formOf), [
    { ...common, refresh_token: 'first-refresh' },
    { ...common, refresh_token: 'second-refresh' },
  ])
})

test('without a file the token comes from the service account of the machine', async (t) => {
  const { asked, shown, post } = await from(t, undefined, () => token('t1', { expires_in: 3000, token_type: 'Bearer' }))
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(shown(), ['Bearer t1'])
  const path = '/computeMetadata/v1/instance/service-accounts/default/token'
  assert.equal(asked[0]?.line, `GET ${path}?scopes=${encodeURIComponent(scope)} HTTP/1.1`)
  assert.equal(asked[0].headers['metadata-flavor'], 'Google')
})

test('the error of a rejected request contains no secret', async (t) => {
  const user = { type: 'authorized_user', client_id: 'me', client_secret: 's3cret', refresh_token: 'refr3sh' }
  const said = { error: 'invalid_grant', error_description: 'refr3sh of s3cret was revoked' }
  const { taken, post } = await from(
    t,
    () => user,
    () => answerOf(400, {}, JSON.stringify(said)),
  )
  const outcome = await post()
  assert.match(
    'reason' in outcome ? outcome.reason : '',
    /^google_iam: http:\S+\/token: HTTP 400: invalid_grant: \*\*\* of \*\*\* was revoked$/,
  )
  assert.deepEqual(taken, [])
})

test('the error names the missing key of a file, and contains no value of it', () => {
  const wrong: readonly (readonly [held: unknown, words: RegExp])[] = [
    ['s3cret', /^it is not a JSON object$/],
    [{ type: 's3cret' }, /^its type is not supported: expected service_account or authorized_user/],
    [{ ...account, client_email: '' }, /^client_email is missing, a file of type service_account requires it$/],
    [{ ...account, private_key: 's3cret' }, /^it contains no valid private key/],
    [{ ...account, token_uri: 's3cret' }, /^its token_uri is not an http/],
    [{ type: 'authorized_user', client_id: 's3cret', client_secret: 's3cret' }, /^refresh_token is missing/],
  ]
  for (const [held, words] of wrong)
    assert.throws(
      () => googleFileOf(held),
      ({ message }: Error) => words.test(message) && !message.includes('s3cret'),
    )
})

test("a file without token_uri uses Google's token endpoint", () => {
  assert.equal(googleFileOf(account).tokenUrl.href, 'https://oauth2.googleapis.com/token')
})
