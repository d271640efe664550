import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { oauth2 } from '../../../src/http/auth/oauth2.ts'
import { Secret } from '../../../src/util/log.ts'
import { answerOf } from '../../support/raw.ts'
import { formOf, type Give, keyPair, scene, token } from '../../support/tokens.ts'

const { pkcs1, pkcs8, verified } = keyPair()

type Proof = Extract<Parameters<typeof oauth2>[0]['proof'], { grant: 'jwt-bearer' }>

async function byKey(t: TestContext, give: Give, more: Partial<Proof> = {}, scopes: readonly string[] = []) {
  let tokenUrl = ''
  const made = await scene(
    t,
    (giver) => {
      tokenUrl = new URL('/token', giver).href
      const key = () => new Secret(pkcs8)
      const proof = { grant: 'jwt-bearer', key, algorithm: 'RS256', claims: {}, ...more } as const
      const endpointParams = { resource: 'r' }
      return oauth2({ tokenUrl: new URL(tokenUrl), clientId: 'me', proof, scopes, endpointParams, access: {} })
    },
    { give },
  )
  return { ...made, tokenUrl }
}

/** The header of Prometheus 3.15, as recorded at a token endpoint. */
test('the request contains an assertion signed by the key, and no secret', async (t) => {
  const { asked, shown, post, tokenUrl } = await byKey(t, () => token('t1'))
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(shown(), ['Bearer t1'])
  const { assertion, ...form } = formOf(asked[0])
  assert.deepEqual(form, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', resource: 'r' })
  const { claims, header } = verified(assertion, tokenUrl)
  const { iat, exp, jti, ...named } = claims
  assert.deepEqual(header, { alg: 'RS256', typ: 'JWT' })
  assert.deepEqual(named, { sub: 'me', iss: 'me', aud: tokenUrl })
  assert.equal(exp, Number(iat) + 600)
  assert.match(String(jti), /^[\da-f-]{36}$/)
  assert.equal(asked[0]?.headers['authorization'], undefined)
})

test('issuer, audience, claims, scopes and key id are as configured', async (t) => {
  const more = {
    key: () => new Secret(pkcs1),
    keyId: 'k1',
    algorithm: 'RS512',
    issuer: 'issuer',
    audience: 'audience',
    claims: { sub: 'somebody', tier: { level: [1] } },
  } as const
  const { asked, post } = await byKey(t, () => token('t1'), more, ['a', 'b'])
  assert.equal((await post()).kind, 'delivered')
  const { claims, header } = verified(formOf(asked[0])['assertion'], 'audience')
  assert.deepEqual(header, { alg: 'RS512', typ: 'JWT', kid: 'k1' })
  const { iss, sub, scope, tier } = claims
  assert.deepEqual({ iss, sub, scope, tier }, { iss: 'issuer', sub: 'somebody', scope: 'a b', tier: { level: [1] } })
})

test('each token request has a new assertion', async (t) => {
  const { asked, post, pass, tokenUrl } = await byKey(t, () => token('t', { expires_in: 60 }))
  await post()
  pass(60_000)
  await post()
  const ids = asked.map((one) => verified(formOf(one)['assertion'], tokenUrl).claims['jti'])
  assert.equal(new Set(ids).size, 2)
})

test('an assertion that the token endpoint repeats is masked', async (t) => {
  const { asked, post } = await byKey(t, (request) => {
    const fault = { error: 'invalid_grant', error_description: `no: ${formOf(request)['assertion']}` }
    return answerOf(400, {}, JSON.stringify(fault))
  })
  const outcome = await post()
  assert.match('reason' in outcome ? outcome.reason : '', /^oauth2: \S+\/token: HTTP 400: invalid_grant: no: \*\*\*$/)
  assert.equal(asked.length, 1)
})

test('an invalid key is an error before any request', async (t) => {
  const key = () => new Secret('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----')
  const { asked, post } = await byKey(t, () => token('t1'), { key })
  const outcome = await post()
  assert.match('reason' in outcome ? outcome.reason : '', /^oauth2: no credentials: it contains no valid private key/)
  assert.deepEqual(asked, [])
})

test('concurrent callers get the same token', async (t) => {
  const { asked, shown, post } = await byKey(t, () => token('t1'))
  await Promise.all([post(), post(), post()])
  assert.equal(asked.length, 1)
  assert.deepEqual(shown(), ['Bearer t1', 'Bearer t1', 'Bearer t1'])
})
