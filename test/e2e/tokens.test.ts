import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createFaultyReceiver } from '../support/faulty-receiver.ts'
import { answerOf, rawServer } from '../support/raw.ts'
import { temporary } from '../support/servers.ts'
import { commandLine } from '../support/terminal.ts'
import { formOf, keyPair, token } from '../support/tokens.ts'

const { pkcs8, verified } = keyPair()

/** A configuration of an endpoint that requires a token of a service account, and the account's file. */
function configured(t: TestContext, url: string, giverPort: number) {
  const folder = temporary(t)
  const credentials_file = join(folder, 'account.json')
  const account = { type: 'service_account', client_email: 'pusher@lab.test', private_key: pkcs8 }
  const token_uri = `http://127.0.0.1:${giverPort}/token`
  writeFileSync(credentials_file, JSON.stringify({ ...account, token_uri }))
  const file = join(folder, 'config.json')
  const remote_write = [{ url, google_iam: { credentials_file } }]
  writeFileSync(file, JSON.stringify({ remote_write, buffer: { directory: join(folder, 'buffer') } }))
  return { flag: `--config.file=${file}`, token_uri }
}

const forEver = () => new AbortController().signal

test('a sender authenticates with a Google token, renews it after a rejection, and loses nothing', async (t) => {
  const giver = await rawServer(t, (socket, { number }) => socket.write(token(`t${number}`, { expires_in: 3599 })))
  let attempts = 0
  const receiver = await createFaultyReceiver({
    ledger: true,
    faultPlan: () => (++attempts === 1 ? { status: 401, commit: false } : undefined),
  })
  t.after(() => receiver.close())
  const { flag, token_uri } = configured(t, `${receiver.url}/api/v1/write`, giver.port)
  const { status, out, err } = await commandLine(['push', '--job=j', flag], {}, forEver(), 'a 1\n')
  assert.deepEqual([status, err], [0, ''])
  assert.match(out, /^hostpush: delivered: 1 sample/)
  assert.equal(receiver.ledger.length, 1)
  assert.equal(giver.requests.length, 2)
  const { claims } = verified(formOf(giver.requests[1])['assertion'], token_uri)
  assert.equal(claims['iss'], 'pusher@lab.test')
})

test('a command and doctor distinguish errors of the token endpoint from errors of the receiver', async (t) => {
  const refusal = { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' }
  const giver = await rawServer(t, (socket) => socket.write(answerOf(400, {}, JSON.stringify(refusal))))
  const receiver = await rawServer(t, (socket) => socket.write(answerOf(204)))
  const { flag } = configured(t, `http://127.0.0.1:${receiver.port}/api/v1/write`, giver.port)
  const words = /google_iam: http:\S+\/token: HTTP 400: invalid_grant: Invalid JWT Signature\./
  const pushed = await commandLine(['push', '--job=j', '--timeout=500ms', flag], {}, forEver(), 'a 1\n')
  assert.equal(pushed.status, 3)
  assert.match(pushed.err, words)
  const { status, out } = await commandLine(['doctor', flag, '--collector.disable-defaults', '--collector.time'])
  assert.equal(status, 1)
  assert.match(out, words)
  assert.match(out, /Check the clock of this host, or create a new google_iam.credentials_file/)
  assert.deepEqual(receiver.requests, [])
})

test('tokens of Entra ID are requested through the configured proxy', async (t) => {
  const receiver = await rawServer(t, (socket) => socket.write(answerOf(204)))
  const proxy = await rawServer(t, (socket) => socket.write(answerOf(502)))
  const folder = temporary(t)
  const file = join(folder, 'config.json')
  const oauth = { client_id: '00000000-0000-0000-0000-000000000001', tenant_id: 'lab.test', client_secret: 's3cret' }
  const block = { url: `http://127.0.0.1:${receiver.port}/api/v1/write`, azuread: { oauth } }
  const proxy_url = `http://127.0.0.1:${proxy.port}`
  const remote_write = [{ ...block, proxy_url, no_proxy: '127.0.0.1' }]
  writeFileSync(file, JSON.stringify({ remote_write, buffer: { directory: join(folder, 'buffer') } }))
  const args = [`--config.file=${file}`, '--collector.disable-defaults', '--collector.time']
  const { out } = await commandLine(['doctor', ...args])
  assert.match(proxy.requests[0]?.line ?? '', /^CONNECT login\.microsoftonline\.com:443 /)
  assert.match(out, /azuread: https:\/\/login\.microsoftonline\.com\/lab\.test\/oauth2\/v2\.0\/token: proxy .*HTTP 502/)
  assert.ok(!out.includes('s3cret'))
})
