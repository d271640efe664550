import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfigError } from '../../../src/config/error.ts'
import { readConfig } from '../../../src/config/index.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { endpointsOf, outputKinds } from '../../support/outputs.ts'
import { answerOf, rawServer } from '../../support/raw.ts'
import { temporary } from '../../support/servers.ts'
import { formOf, keyPair, token } from '../../support/tokens.ts'

type Environment = Readonly<Record<string, string>>

/** The credentials, warnings and errors of a configuration with this one endpoint. */
async function read(t: TestContext, block: object, environment: Environment = {}) {
  const file = join(temporary(t), 'config.json')
  const remote_write = [{ url: 'https://receiver.test/api', ...block }]
  writeFileSync(file, JSON.stringify({ remote_write, buffer: { mode: 'memory' } }))
  try {
    const config = await readConfig({
      outputKinds,
      flags: new Map([['config.file', file]]),
      environment,
      collectors: [],
    })
    const url = new URL('https://receiver.test/api')
    const request = { method: 'POST', url, body: Buffer.from(''), clock: systemClock }
    const shown = async () =>
      endpointsOf(config)[0]?.credentials?.headersFor({ ...request, signal: AbortSignal.timeout(10_000) })
    return { warnings: config.warnings, shown, problems: [] }
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return { warnings: [], shown: undefined, problems: error.problems }
  }
}

const client_id = '00000000-0000-0000-0000-000000000001'
const tenant_id = 'contoso.com'

/** Prometheus 3.15 accepts each of these. */
test('azuread accepts what Prometheus accepts, and a managed identity needs no key', async (t) => {
  const folder = temporary(t)
  const [pod, key, cert, both] = ['pod', 'key', 'cert', 'both'].map((name) => join(folder, name)) as [
    ...[string, string, string, string],
  ]
  writeFileSync(pod, 'a.b.c')
  writeFileSync(key, keyPair().pkcs8)
  execFileSync('openssl', ['req', '-x509', '-key', key, '-out', cert, '-subj', '/CN=app'], { stdio: 'pipe' })
  writeFileSync(both, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'))
  const certificate = { client_id, tenant_id, certificate_path: cert, certificate_key_path: key }
  for (const azuread of [
    { managed_identity: {} },
    { cloud: 'AzureChina', managed_identity: { client_id } },
    { cloud: 'AzurePublic', scope: 'a b', oauth: { client_id, tenant_id, client_secret: 's3cret' } },
    { cloud: 'AzureGovernment', workload_identity: { client_id, tenant_id: client_id, token_file_path: pod } },
    { certificate },
    { certificate: { client_id, tenant_id, certificate_path: both, send_certificate_chain: true } },
  ])
    assert.deepEqual((await read(t, { azuread })).problems, [], JSON.stringify(azuread))
})

/** Prometheus 3.15 rejects each of these too, except that it opens files later. */
const wrong: Readonly<Record<string, readonly [azuread: object, words: RegExp]>> = {
  'no kind': [{}, /azuread: incomplete, expected one of managed_identity, oauth, workload_identity, certificate/],
  'an unknown cloud': [
    { cloud: 'azurepublic', managed_identity: {} },
    /cloud: invalid value, expected one of AzurePublic, AzureChina/,
  ],
  'an invalid client_id': [
    { managed_identity: { client_id: 'x' } },
    /managed_identity\.client_id: invalid value, expected an appl/,
  ],
  'a scope with special characters': [
    { scope: 'a<b>', managed_identity: {} },
    /azuread\.scope: invalid value, expected a scope of letters/,
  ],
  'two kinds': [
    { managed_identity: {}, oauth: { client_id, tenant_id, client_secret: 'x' } },
    /managed_identity and oauth cannot be used together/,
  ],
  'a missing client_secret': [
    { oauth: { client_id, tenant_id } },
    /azuread\.oauth\.client_secret: required key is missing/,
  ],
  'a missing tenant_id': [
    { oauth: { client_id, client_secret: 'x' } },
    /azuread\.oauth\.tenant_id: required key is missing/,
  ],
  'an invalid tenant_id': [
    { oauth: { client_id, client_secret: 'x', tenant_id: 'a/b' } },
    /tenant_id: invalid value, expected a tenant id/,
  ],
  'a missing token file': [
    { workload_identity: { client_id, tenant_id, token_file_path: '/nowhere/token' } },
    /workload_identity\.token_file_path: cannot read \/nowhere\/token: ENOENT/,
  ],
  'a missing certificate_path': [
    { certificate: { client_id, tenant_id } },
    /azuread\.certificate\.certificate_path: required key is missing/,
  ],
  'a certificate_password': [
    { certificate: { client_id, tenant_id, certificate_path: '/x', certificate_password: 'x' } },
    /certificate_password: not supported: expected a PEM file .*PKCS#12/,
  ],
}
for (const [name, [azuread, words]] of Object.entries(wrong)) {
  test(`azuread with ${name} is an error`, async (t) => {
    assert.match((await read(t, { azuread })).problems.join('\n'), words)
  })
}

test('a certificate without its key is an error', async (t) => {
  const folder = temporary(t)
  const [key, cert, other] = [join(folder, 'key'), join(folder, 'cert'), join(folder, 'other')]
  writeFileSync(key, keyPair().pkcs8)
  writeFileSync(other, keyPair().pkcs8)
  execFileSync('openssl', ['req', '-x509', '-key', key, '-out', cert, '-subj', '/CN=app'], { stdio: 'pipe' })
  const said = async (more: object) =>
    (await read(t, { azuread: { certificate: { client_id, tenant_id, ...more } } })).problems.join('\n')
  assert.match(await said({ certificate_path: cert }), /certificate_path: \S+cert: it contains no valid private key/)
  const mixed = { certificate_path: cert, certificate_key_path: other }
  assert.match(await said(mixed), /certificate_path: \S+cert: the key matches no certificate/)
  assert.match(await said({ certificate_path: key }), /certificate_path: \S+key: it contains no certificate \(PEM\)/)
})

test('azuread and google_iam cannot be used with other credentials', async (t) => {
  const { problems } = await read(t, {
    azuread: { managed_identity: {} },
    google_iam: {},
    basic_auth: { username: 'x' },
  })
  assert.match(problems.join('\n'), /basic_auth and azuread and google_iam cannot be used together, keep one/)
})

/** A token server, and credentials files. The refresh token in a request shows which file was used. */
async function google(t: TestContext) {
  const giver = await rawServer(t, (socket, { number }) => socket.write(token(`t${number}`)))
  const folder = temporary(t)
  const make = (name: string) => {
    const file = join(folder, name)
    const user = { type: 'authorized_user', client_id: 'me', client_secret: 's', refresh_token: name }
    writeFileSync(file, JSON.stringify({ ...user, token_uri: `http://127.0.0.1:${giver.port}/token` }))
    return file
  }
  return { giver, folder, make }
}

test('google_iam uses its file first, then the environment variable, the file of gcloud and the metadata server', async (t) => {
  const { giver, folder, make } = await google(t)
  const named = make('named')
  const GOOGLE_APPLICATION_CREDENTIALS = make('variable')
  mkdirSync(join(folder, '.config/gcloud'), { recursive: true })
  make('.config/gcloud/application_default_credentials.json')
  const all = { GOOGLE_APPLICATION_CREDENTIALS, HOME: folder, GCE_METADATA_HOST: `127.0.0.1:${giver.port}` }
  const { GOOGLE_APPLICATION_CREDENTIALS: _, ...atHome } = all
  const { HOME: _home, ...atMachine } = atHome
  for (const [block, environment] of [
    [{ credentials_file: named }, all],
    [{}, all],
    [{}, atHome],
    [{}, atMachine],
  ] as const) {
    const { shown, problems } = await read(t, { google_iam: block }, environment)
    assert.deepEqual(problems, [])
    assert.match((await shown?.())?.['authorization'] ?? '', /^Bearer t\d$/)
  }
  assert.deepEqual(
    giver.requests.map((one) => formOf(one)['refresh_token'] ?? one.line.split(' ')[0]),
    ['named', 'variable', '.config/gcloud/application_default_credentials.json', 'GET'],
  )
})

test('an unusable Google credentials file is an error with its place, without content of the file', async (t) => {
  const file = join(temporary(t), 'credentials')
  const said = async (held: string, environment?: Environment) => {
    writeFileSync(file, held)
    const google_iam = environment === undefined ? { credentials_file: file } : {}
    return (await read(t, { google_iam }, environment)).problems.join('\n')
  }
  assert.match(
    await said('{ "type": s3cret }'),
    /google_iam\.credentials_file: \S+: unexpected "s" \(line 1 column 11\)$/,
  )
  assert.match(
    await said('{}', { GOOGLE_APPLICATION_CREDENTIALS: file }),
    /_iam: GOOGLE_APPLICATION_CREDENTIALS: \S+: its/,
  )
  assert.match(
    await said('{"type":"external_account"}'),
    /its type is not supported: expected service_account or authorized_user/,
  )
  const { problems } = await read(t, { google_iam: { credentials_file: '/nowhere/x' } })
  assert.match(problems.join('\n'), /google_iam\.credentials_file: cannot read \/nowhere\/x: ENOENT/)
  assert.match(
    await said('{}', { GCE_METADATA_HOST: 'a b' }),
    /invalid environment variable GCE_METADATA_HOST, expected HOST or HOST:PORT/,
  )
})

test('an oauth2 assertion is signed as configured, with a key file that can change', async (t) => {
  const { pkcs8, verified } = keyPair()
  const other = keyPair()
  const giver = await rawServer(t, (socket) => socket.write(answerOf(401)))
  const file = join(temporary(t), 'key')
  writeFileSync(file, pkcs8)
  const oauth2 = {
    client_id: 'me',
    token_url: `http://127.0.0.1:${giver.port}/token`,
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    client_certificate_key_file: file,
    client_certificate_key_id: 'k1',
    signature_algorithm: 'RS384',
    iss: 'issuer',
    audience: 'audience',
    scopes: ['a'],
    claims: { tier: 1 },
  }
  const { shown, warnings } = await read(t, { oauth2 })
  assert.deepEqual(warnings, [])
  await assert.rejects(async () => shown?.())
  writeFileSync(file, other.pkcs1)
  await assert.rejects(async () => shown?.())
  const [first, second] = giver.requests.map((one) => formOf(one)['assertion'])
  const { claims, header } = verified(first, 'audience')
  assert.deepEqual(header, { alg: 'RS384', typ: 'JWT', kid: 'k1' })
  assert.deepEqual([claims['iss'], claims['sub'], claims['scope'], claims['tier']], ['issuer', 'me', 'a', 1])
  assert.throws(() => verified(second, 'audience'), /signature/)
  other.verified(second, 'audience')
})

test('errors of a key and keys without effect for a grant are reported', async (t) => {
  const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
  const base = { client_id: 'me', token_url: 'https://login.test/' }
  const said = async (more: object) => (await read(t, { oauth2: { ...base, ...more } })).problems.join('\n')
  assert.match(
    await said({ grant_type }),
    /client_certificate_key: required key is missing, this grant_type needs it or client_certificate_key_file/,
  )
  assert.match(
    await said({ grant_type, client_certificate_key: 's3cret' }),
    /client_certificate_key: it contains no valid private/,
  )
  const file = '/nowhere/key'
  assert.match(await said({ grant_type, client_certificate_key_file: file }), /key_file: cannot read \/nowhere\/key: /)
  const twice = { client_certificate_key: keyPair().pkcs8, client_certificate_key_file: file }
  assert.match(await said({ grant_type, ...twice }), /client_certificate_key: set twice/)
  assert.match(
    await said({ signature_algorithm: 'ES256' }),
    /signature_algorithm: invalid value, expected one of RS256, RS384, RS512/,
  )
  assert.match(
    await said({ grant_type: 'password' }),
    /grant_type: invalid value, expected one of client_credentials, urn:ietf/,
  )
  const idle = await read(t, { oauth2: { ...base, client_secret: 'x', iss: 'y' } })
  assert.deepEqual(idle.warnings, ['remote_write[0].oauth2.iss: has no effect with this grant_type'])
  const { pkcs8: client_certificate_key } = keyPair()
  const both = await read(t, { oauth2: { ...base, grant_type, client_certificate_key, client_secret: 'x' } })
  assert.deepEqual(both.warnings, ['remote_write[0].oauth2.client_secret: has no effect with this grant_type'])
})
