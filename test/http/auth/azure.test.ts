import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type AzureIdentity, azuread } from '../../../src/http/auth/azure.ts'
import { Secret } from '../../../src/util/log.ts'
import { answerOf } from '../../support/raw.ts'
import { temporary } from '../../support/servers.ts'
import { formOf, type Give, keyPair, scene, token } from '../../support/tokens.ts'

const clientId = '00000000-0000-0000-0000-000000000001'
const scope = 'https://monitor.azure.com//.default'
const application = { clientId, tenantId: 'contoso.com' }

async function as(t: TestContext, identity: AzureIdentity, give: Give, take?: Give) {
  let login = ''
  const made = await scene(
    t,
    (giver) => {
      login = giver.href
      return azuread({ login: giver, metadata: giver, scope, identity, access: {} })
    },
    { give, ...(take && { take }) },
  )
  return { ...made, login }
}

test('an application sends its secret to its tenant, in the form', async (t) => {
  const identity = { kind: 'secret', secret: () => new Secret('s3cret'), ...application } as const
  const { asked, shown, post } = await as(t, identity, () => token('t1', { expires_in: 3599, token_type: 'Bearer' }))
  assert.equal((await post()).kind, 'delivered')
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(shown(), ['Bearer t1', 'Bearer t1'])
  assert.equal(asked.length, 1)
  assert.equal(asked[0]?.line, 'POST /contoso.com/oauth2/v2.0/token HTTP/1.1')
  assert.equal(asked[0].headers['authorization'], undefined)
  assert.deepEqual(formOf(asked[0]), {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: 's3cret',
    scope,
  })
})

/** https://learn.microsoft.com/entra/identity-platform/certificate-credentials */
test('an application sends an assertion signed with its certificate', async (t) => {
  const { pkcs8, verified } = keyPair()
  const folder = temporary(t)
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  writeFileSync(keyFile, pkcs8)
  execFileSync('openssl', ['req', '-x509', '-key', keyFile, '-out', certFile, '-subj', '/CN=app'], { stdio: 'pipe' })
  const certificates = readFileSync(certFile, 'utf8')
  const der = new X509Certificate(certificates).raw
  for (const isChainSent of [false, true]) {
    const pem = () => ({ certificates, key: new Secret(pkcs8) })
    const identity = { kind: 'certificate', pem, isChainSent, ...application } as const
    const { asked, post, login } = await as(t, identity, () => token('t1'))
    assert.equal((await post()).kind, 'delivered')
    const { client_assertion: assertion, ...form } = formOf(asked[0])
    assert.deepEqual(form, {
      grant_type: 'client_credentials',
      client_id: clientId,
      scope,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    const { claims, header } = verified(assertion, `${login}contoso.com/oauth2/v2.0/token`)
    assert.deepEqual(header, {
      alg: 'PS256',
      typ: 'JWT',
      'x5t#S256': createHash('sha256').update(der).digest('base64url'),
      ...(isChainSent && { x5c: [der.toString('base64')] }),
    })
    const { iss, sub, nbf, exp, jti } = claims
    assert.deepEqual([iss, sub, Number(exp) - Number(nbf)], [clientId, clientId, 600])
    assert.match(String(jti), /^[\da-f-]{36}$/)
  }
})

test("a pod's token is read again for each request", async (t) => {
  let held = 'first.of.pod'
  const identity = { kind: 'federated', token: () => new Secret(held), ...application } as const
  const { asked, post } = await as(
    t,
    identity,
    () => token('t'),
    ({ number }) => answerOf(number === 1 ? 401 : 204),
  )
  const first = post()
  held = 'second.of.pod'
  assert.equal((await first).kind, 'delivered')
  assert.deepEqual(
    asked.map((one) => formOf(one)['client_assertion']),
    ['first.of.pod', 'second.of.pod'],
  )
})

test('a managed identity comes from the metadata service, system-assigned or user-assigned', async (t) => {
  for (const [more, query] of [
    [{}, ''],
    [{ clientId }, `&client_id=${clientId}`],
  ] as const) {
    const { asked, shown, post, pass } = await as(t, { kind: 'managed', ...more }, ({ number }) =>
      token(`t${number}`, { expires_in: '86400', token_type: 'Bearer', resource: 'x' }),
    )
    assert.equal((await post()).kind, 'delivered')
    pass(86_390_000)
    assert.equal((await post()).kind, 'delivered')
    assert.deepEqual(shown(), ['Bearer t1', 'Bearer t2'])
    const resource = encodeURIComponent('https://monitor.azure.com/')
    const path = `/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${resource}${query}`
    assert.equal(asked[0]?.line, `GET ${path} HTTP/1.1`)
    assert.equal(asked[0].headers['metadata'], 'true')
  }
})

test('an error of Entra ID is reported without the secret, and separately from the receiver', async (t) => {
  const identity = { kind: 'secret', secret: () => new Secret('s3cret'), ...application } as const
  const said = {
    error: 'invalid_client',
    error_description: 'AADSTS7000215: Invalid client secret s3cret provided.\r\nTrace ID: 1',
  }
  const { taken, post } = await as(t, identity, () => answerOf(401, {}, JSON.stringify(said)))
  const outcome = await post()
  assert.equal(outcome.kind, 'retry')
  assert.match(
    'reason' in outcome ? outcome.reason : '',
    /^azuread: http:\S+\/token: HTTP 401: invalid_client: AADSTS7000215: Invalid client secret \*\*\* provided\. Trace/,
  )
  assert.deepEqual(taken, [])
})
