import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { exposedSecrets } from '../../../src/config/file/exposure.ts'

/** Warnings about a configuration with this mode in a directory with that mode, and about a file `secret` beside it. */
function warningsOf(
  t: TestContext,
  endpoint: object,
  { mode = 0o644, directoryMode = 0o755, secretMode = 0o600 } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-'))
  t.after(() => rmSync(folder, { recursive: true }))
  chmodSync(folder, 0o755)
  const directory = join(folder, 'etc')
  mkdirSync(directory)
  const [path, secret] = [join(directory, 'config.json'), join(directory, 'secret')]
  const text = JSON.stringify({ remote_write: [endpoint] }).replaceAll('SECRET_PATH', secret)
  for (const [file, content, fileMode] of [
    [path, text, mode],
    [secret, 'x', secretMode],
  ] as const) {
    writeFileSync(file, content)
    chmodSync(file, fileMode)
  }
  chmodSync(directory, directoryMode)
  return exposedSecrets(path).map((line) => line.replaceAll(`${directory}/`, ''))
}

const url = 'http://h/w'
const own = ['config.json: contains a secret, and every user can read it: chmod o-r config.json']
const other = ['secret: contains a secret, and every user can read it: chmod o-r secret']

test('a configuration that every user can read is reported for each kind of secret in it', (t) => {
  for (const endpoint of [
    { url, basic_auth: { username: 'u', password: 'p' } },
    { url, bearer_token: 'p' },
    { url, authorization: { credentials: 'p' } },
    { url, oauth2: { client_id: 'i', client_secret: 'p', token_url: url } },
    { url, sigv4: { access_key: 'a', secret_key: 'p' } },
    { url, azuread: { oauth: { client_secret: 'p' } } },
    { url, http_headers: { 'X-A': { secrets: ['p'] } } },
    { url, headers: { 'X-Api-Key': 'p' } },
    { url: 'http://u:p@h/w' },
  ])
    assert.deepEqual(warningsOf(t, endpoint), own, JSON.stringify(endpoint))
})

test('a file with a secret that the configuration names is reported if every user can read it', (t) => {
  for (const endpoint of [
    { url, basic_auth: { username: 'u', password_file: 'SECRET_PATH' } },
    { url, bearer_token_file: 'SECRET_PATH' },
    { url, authorization: { credentials_file: 'SECRET_PATH' } },
    { url, tls_config: { key_file: 'SECRET_PATH' } },
    { url, http_headers: { 'X-A': { files: ['SECRET_PATH'] } } },
  ]) {
    assert.deepEqual(warningsOf(t, endpoint, { secretMode: 0o644 }), other, JSON.stringify(endpoint))
    assert.deepEqual(warningsOf(t, endpoint), [], JSON.stringify(endpoint))
  }
})

test('nothing is reported without a secret, or if other users cannot read the file', (t) => {
  const endpoint = { url, bearer_token: 'p' }
  for (const modes of [{ mode: 0o640 }, { mode: 0o600 }, { directoryMode: 0o750 }])
    assert.deepEqual(warningsOf(t, endpoint, modes), [])
  for (const harmless of [
    { url },
    { url, bearer_token: `\${TOKEN}` },
    { url, headers: { 'X-Scope-OrgID': 'tenant' } },
    { url, tls_config: { ca_file: 'SECRET_PATH', cert_file: 'SECRET_PATH' } },
  ])
    assert.deepEqual(warningsOf(t, harmless, { secretMode: 0o644 }), [], JSON.stringify(harmless))
})
