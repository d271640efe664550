import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { ConfigError } from '../../../src/config/error.ts'
import { readConfig } from '../../../src/config/index.ts'
import { proxyFor } from '../../../src/http/transport/proxy.ts'
import { certificates } from '../../support/certificates.ts'
import { endpointsOf, outputKinds } from '../../support/outputs.ts'
import { answerOf, poster, rawServer } from '../../support/raw.ts'
import { temporary } from '../../support/servers.ts'

/** The one endpoint of a configuration. */
async function endpoint(t: TestContext, block: object, environment: Record<string, string> = {}) {
  const file = join(temporary(t), 'config.json')
  const remote_write = [{ url: 'https://receiver.test/api', ...block }]
  writeFileSync(file, JSON.stringify({ remote_write, buffer: { mode: 'memory' } }))
  const config = await readConfig({ flags: new Map([['config.file', file]]), environment, collectors: [], outputKinds })
  const [one] = endpointsOf(config)
  assert.ok(one)
  return one
}

async function problemsOf(t: TestContext, block: object, environment: Record<string, string> = {}) {
  const error = await endpoint(t, block, environment).catch((reason: unknown) => reason)
  assert.ok(error instanceof ConfigError, `a ConfigError is expected, not ${inspect(error)}`)
  return error.problems.map((problem) => problem.replace(/^\S+config\.json: /, ''))
}

const oauth2 = { client_id: 'me', client_secret: 's3cret', token_url: 'https://login.test/token' }

test('several kinds of credentials together are an error', async (t) => {
  const kinds = {
    basic_auth: { username: 'a', password: 's3cret' },
    authorization: { credentials: 's3cret' },
    oauth2,
    sigv4: { region: 'x' },
  }
  assert.deepEqual(await problemsOf(t, kinds), [
    'remote_write[0]: basic_auth and authorization and oauth2 and sigv4 cannot be used together, keep one',
  ])
  for (const [name, kind] of Object.entries(kinds)) {
    const one = await endpoint(t, { [name]: kind })
    assert.ok(one.credentials !== undefined)
    assert.doesNotMatch(inspect(one, { depth: 9 }) + JSON.stringify(one), /s3cret/)
  }
})

test('a user name or password in a URL can contain a percent sign that is not encoded', async (t) => {
  const one = await endpoint(t, { url: 'http://50%25:100%@receiver.test/' })
  assert.equal(one.url.href, 'http://receiver.test/')
  const shown = await one.credentials?.headersFor({} as never)
  assert.deepEqual(shown, { authorization: `Basic ${Buffer.from('50%:100%').toString('base64')}` })
})

test('tls_config: its files are read at the start, and conflicting or incomplete keys are errors', async (t) => {
  const made = certificates(t)
  const { cert, key } = made.make('client')
  const good = { ca_file: made.ca, cert_file: cert, key_file: key, server_name: 'x', insecure_skip_verify: true }
  const { tls } = (await endpoint(t, { tls_config: { ...good, max_version: 'TLS13' } })).access ?? {}
  assert.deepEqual(JSON.parse(JSON.stringify(tls)), {
    ca: { file: made.ca },
    cert: { file: cert },
    key: { file: key },
    serverName: 'x',
    verify: false,
    minVersion: 'TLS12',
    maxVersion: 'TLS13',
  })
  assert.deepEqual(await problemsOf(t, { tls_config: { cert_file: cert, ca: 'x', ca_file: made.ca } }), [
    'remote_write[0].tls_config.ca: set twice, here and in ca_file, keep only one',
    'remote_write[0].tls_config: incomplete, expected both a certificate and its key',
  ])
  const wrong = async (tls_config: object) => (await problemsOf(t, { tls_config })).join('\n')
  assert.match(
    await wrong({ ca_file: '/nowhere/ca' }),
    /^remote_write\[0\]\.tls_config: tls: ca_file \/nowhere\/ca cannot/,
  )
  assert.match(
    await wrong({ cert_file: cert, key_file: made.make('other').key }),
    /key_file \S+other\.key does not match cert_file \S+client\.pem/,
  )
  assert.match(await wrong({ ca_file: key }), /ca_file \S+client\.key contains no valid certificate: TLS: no start/)
  assert.match(
    await wrong({ cert_file: cert, key_file: cert }),
    /key_file \S+client\.pem contains no valid private key/,
  )
  const { privateKey } = generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  })
  const encrypted = join(temporary(t), 'encrypted.key')
  writeFileSync(encrypted, privateKey)
  assert.match(await wrong({ cert_file: cert, key_file: encrypted }), /encrypted\.key is encrypted: use a key without/)
  const windows = join(temporary(t), 'windows.pem')
  writeFileSync(windows, `\uFEFF${readFileSync(made.ca, 'utf8').replaceAll('\n', '\r\n')}`)
  await endpoint(t, { tls_config: { ca_file: windows } })
  assert.match(await wrong({ max_version: 'TLS11' }), /max_version: TLS11 is lower than min_version, TLS12/)
  assert.match(
    await wrong({ min_version: 'SSL3' }),
    /min_version: invalid value, expected one of TLS10, TLS11, TLS12, TLS13/,
  )
  assert.match(await wrong({ cafile: 'x' }), /tls_config\.cafile: unknown key, did you mean ca_file\?/)
})

test('proxy_url, no_proxy and headers for CONNECT', async (t) => {
  const { proxy } =
    (
      await endpoint(t, {
        proxy_url: 'http://me:pr0xy%20word@proxy.test:3128',
        no_proxy: 'lab',
        proxy_connect_header: { 'X-A': ['b'] },
      })
    ).access ?? {}
  assert.ok(proxy !== undefined)
  const found = proxyFor(proxy, new URL('https://receiver.test'))
  assert.equal(found?.url.href, 'http://proxy.test:3128/')
  assert.equal(found.authorization?.reveal(), `Basic ${Buffer.from('me:pr0xy word').toString('base64')}`)
  assert.equal(proxyFor(proxy, new URL('http://host.lab')), undefined)
  assert.equal(proxy.connectHeaders['X-A']?.[0]?.reveal(), 'b')
  assert.doesNotMatch(inspect(proxy, { depth: 9 }) + JSON.stringify(proxy), /pr0xy/)

  assert.deepEqual(await problemsOf(t, { no_proxy: 'x', proxy_connect_header: {} }), [
    'remote_write[0].no_proxy: has no effect without proxy_url',
    'remote_write[0].proxy_connect_header: has no effect without proxy_url',
  ])
  assert.match(
    (await problemsOf(t, { proxy_url: 'socks5://x' }))[0] ?? '',
    /proxy_url: invalid value, expected an http:\/\/ or https:\/\/ URL/,
  )
})

test('proxy_from_environment uses the usual variables, capitals first', async (t) => {
  const variables = {
    HTTPS_PROXY: 'proxy.test:8080',
    https_proxy: 'http://other',
    http_proxy: 'https://x',
    no_proxy: '.lab',
  }
  const { proxy } = (await endpoint(t, { proxy_from_environment: true }, variables)).access ?? {}
  assert.ok(proxy !== undefined)
  const to = (target: string) => proxyFor(proxy, new URL(target))?.url.href
  assert.equal(to('https://receiver.test'), 'http://proxy.test:8080/')
  assert.equal(to('http://receiver.test'), 'https://x/')
  for (const past of ['https://a.lab', 'https://127.0.0.1', 'http://localhost']) assert.equal(to(past), undefined)
  const none = (await endpoint(t, { proxy_from_environment: true })).access?.proxy
  assert.equal(none && proxyFor(none, new URL('https://receiver.test')), undefined)
  const both = { proxy_from_environment: true, proxy_url: 'http://x' }
  assert.match((await problemsOf(t, both))[0] ?? '', /cannot be used together with proxy_url or no_proxy/)
  const odd = { HTTPS_PROXY: 'socks5://me:s3cret@x' }
  assert.deepEqual(await problemsOf(t, { proxy_from_environment: true }, odd), [
    'remote_write[0].proxy_from_environment: invalid environment variable https_proxy, expected an http:// or https:// URL',
  ])
})

test('oauth2 has a secret or its file, and separate TLS and proxy settings', async (t) => {
  await endpoint(t, { oauth2: { ...oauth2, scopes: ['a'], endpoint_params: { b: 'c' }, proxy_url: 'http://x' } })
  assert.deepEqual(
    await problemsOf(t, { oauth2: { ...oauth2, client_secret_file: '/nowhere/secret', no_proxy: 'x' } }),
    [
      'remote_write[0].oauth2.client_secret: set twice, here and in client_secret_file, keep only one',
      'remote_write[0].oauth2.client_secret_file: cannot read /nowhere/secret: ENOENT: no such file or directory, open ' +
        "'/nowhere/secret'",
      'remote_write[0].oauth2.no_proxy: has no effect without proxy_url',
    ],
  )
})

test('sigv4: the region comes from the configuration, the environment or the URL', async (t) => {
  const url = 'https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write'
  await endpoint(t, { url, sigv4: {} })
  await endpoint(t, { sigv4: {} }, { AWS_REGION: 'eu-west-1' })
  assert.deepEqual(await problemsOf(t, { sigv4: { access_key: 'A', profile: 'p', external_id: 'x' } }), [
    'remote_write[0].sigv4: incomplete, expected both access_key and secret_key',
    'remote_write[0].sigv4: access_key and profile cannot be used together, keep one',
    'remote_write[0].sigv4.external_id: has no effect without role_arn',
    'remote_write[0].sigv4.region: required key is missing (AWS_REGION is not set, and the URL contains no region)',
  ])
})

test('redirects are followed and the bandwidth is unlimited by default', async (t) => {
  const { redirects, bytesPerSecond } = await endpoint(t, {})
  assert.deepEqual([redirects, bytesPerSecond], ['follow', undefined])
  const said = await endpoint(t, { follow_redirects: false, bandwidth_limit: '64KiB' })
  assert.deepEqual([said.redirects, said.bytesPerSecond], ['refuse', 65_536])
})

test('an endpoint without ca_file uses the trust store of the host', async (t) => {
  const caOf = async (environment: Record<string, string>, block = {}) => {
    const { access } = await endpoint(t, { ...block, url: 'https://receiver.test/' }, environment)
    const ca = access?.tls?.ca
    return ca && JSON.parse(JSON.stringify(ca))
  }
  assert.deepEqual(await caOf({ SSL_CERT_FILE: '/etc/own.pem' }), { file: '/etc/own.pem' })
  assert.equal(await caOf({ NODE_EXTRA_CA_CERTS: '/etc/own.pem' }), undefined)
  const host = await caOf({})
  if (existsSync('/etc/ssl/certs/ca-certificates.crt'))
    assert.deepEqual(host, { file: '/etc/ssl/certs/ca-certificates.crt' })
  const { ca } = certificates(t)
  assert.deepEqual(await caOf({ SSL_CERT_FILE: '/etc/own.pem' }, { tls_config: { ca_file: ca } }), { file: ca })
})

test('a server certificate of an authority in the trust store of the host is trusted without configuration', async (t) => {
  const made = certificates(t)
  const { port } = await rawServer(t, (socket) => socket.write(answerOf(204)), { tls: made.server })
  const url = `https://127.0.0.1:${port}/`
  const postTo = async (environment: Record<string, string>) => {
    const { access } = await endpoint(t, { url }, environment)
    return (await (await poster(t, url, access === undefined ? {} : { access })).post()).kind
  }
  assert.equal(await postTo({ SSL_CERT_FILE: made.ca }), 'delivered')
  assert.equal(await postTo({}), 'retry')
})
