import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openWebFile } from '../../../src/config/sections/web-file.ts'
import { certificates } from '../../support/certificates.ts'
import { configuredFiles } from '../../support/configured-files.ts'
import { temporary } from '../../support/servers.ts'

async function problems(t: TestContext, text: string): Promise<readonly string[]> {
  const file = join(temporary(t), 'web.yml')
  writeFileSync(file, text)
  const error = await openWebFile(file, configuredFiles()).then(
    () => assert.fail('expected an error'),
    (error: Error) => error,
  )
  return error.message.split('\n').map((line) => line.replaceAll(file, 'web.yml'))
}

test('every error names its line and contains nothing of the value', async (t) => {
  const text = `
tls_server_config:
  cert_file: a.pem
  client_auth_type: Maybe
  cipher_suites:
    - TLS_AES_128_GCM_SHA256
    - TLS_RSA_WITH_RC4_128_SHA
http_server_config:
  headers:
    X-Foo: bar
basic_auth_users:
  bob.b: hunter2
rate_limit: 3
`
  const found = await problems(t, text)
  assert.deepEqual(
    found.map((line) => line.split(': ').slice(0, 2).join(': ')).sort(),
    [
      'web.yml:10: http_server_config.headers.X-Foo',
      'web.yml:12: basic_auth_users.bob.b',
      'web.yml:13: rate_limit',
      'web.yml:4: tls_server_config.client_auth_type',
      'web.yml:7: tls_server_config.cipher_suites[1]',
    ].sort(),
  )
  assert.doesNotMatch(found.join('\n'), /hunter2|Maybe|RC4/)
  assert.deepEqual(await problems(t, 'basic_auth_user:\n'), [
    'web.yml:1: basic_auth_user: unknown key, did you mean basic_auth_users?',
  ])
  assert.deepEqual(await problems(t, 'basic_auth_users:\n  bob:\n'), [
    'web.yml:2: basic_auth_users.bob: invalid value, expected a bcrypt hash',
  ])
  assert.deepEqual(await problems(t, 'a: b: c'), [
    'web.yml:1: invalid YAML: Nested mappings are not allowed in compact mappings',
  ])
  assert.match((await problems(t, '- a'))[0] ?? '', /web.yml:1: invalid value, expected an object/)
})

test('missing or invalid certificates are errors', async (t) => {
  assert.match((await problems(t, 'tls_server_config: { cert_file: a.pem }'))[0] ?? '', /a\.pem: .*ENOENT/)
  assert.deepEqual(await problems(t, 'tls_server_config: { cert: x }'), [
    'web.yml: tls_server_config.key_file: required key is missing',
  ])
  assert.match(
    (await problems(t, 'tls_server_config: { cert: x, key: y }'))[0] ?? '',
    /tls_server_config: invalid certificates: /,
  )
})

test('an empty file requires nothing; paths are relative to the file; TLS 1.2 is the default minimum', async (t) => {
  const { make } = certificates(t)
  const { cert, key } = make('relative')
  const file = join(dirname(cert), 'web.yml')
  writeFileSync(file, 'tls_server_config:\nbasic_auth_users:\n')
  assert.deepEqual((await openWebFile(file, configuredFiles()))(), { headers: {}, users: new Map() })
  writeFileSync(
    file,
    `tls_server_config: { cert_file: ${basename(cert)}, key_file: ${basename(key)}, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256] }`,
  )
  const { tls } = (await openWebFile(file, configuredFiles()))()
  assert.deepEqual(tls, {
    context: {
      cert: readFileSync(cert, 'utf8'),
      key: readFileSync(key, 'utf8'),
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES128-GCM-SHA256',
    },
    clientAuth: 'NoClientCert',
    clientNames: [],
  })
})
