import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { connect } from 'node:tls'
import { hash } from 'bcryptjs'
import { openWebFile } from '../../src/config/sections/web-file.ts'
import { certificates } from '../support/certificates.ts'
import { TestClock } from '../support/clock.ts'
import { configuredFiles } from '../support/configured-files.ts'
import { temporary } from '../support/servers.ts'
import { ask, serve } from './server.ts'

const basic = (credentials: string) => ({
  headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
})

/** A server with a web configuration file that the test can rewrite. */
async function behind(t: TestContext, text: string, clock?: TestClock) {
  const file = join(temporary(t), 'web.yml')
  let number = 0
  const write = (text: string) => writeFileSync(file, `${text}\n# ${'x'.repeat(++number)}\n`) // each version has another size
  write(text)
  return {
    ...(await serve(t, {}, { protection: () => openWebFile(file, configuredFiles()), ...(clock && { clock }) })),
    write,
  }
}

const users = async () => `basic_auth_users:\n  bob: ${await hash('secret: 1', 4)}\n  eve: ${await hash('other', 4)}\n`

test('requests with the password are accepted for every page, all others are rejected', async (t) => {
  const { get, logged } = await behind(t, await users())
  for (const path of ['/', '/metrics', '/-/healthy', '/-/reload', '/nowhere', '/%zz']) {
    const { status, headers, text } = await get(path)
    assert.deepEqual([status, headers['www-authenticate'], text], [401, 'Basic', 'Unauthorized\n'], path)
  }
  const of = async (credentials: string) => (await get('/-/healthy', basic(credentials))).status
  assert.equal(await of('bob:secret: 1'), 200)
  assert.equal(await of('bob:secret: 1'), 200)
  for (const wrong of ['bob:other', 'bob:', ':', 'eve:secret: 1', 'mallory:other', 'bob', 'BOB:secret: 1'])
    assert.equal(await of(wrong), 401, wrong)
  assert.equal((await get('/-/healthy', { headers: { authorization: 'Bearer secret: 1' } })).status, 401)
  assert.doesNotMatch(logged.join('\n'), /secret|\$2/)
})

test('a changed file takes effect: a new password, an error that rejects all requests, and its correction', async (t) => {
  const { get, write, logged } = await behind(t, await users())
  const status = async (credentials: string) => (await get('/-/healthy', basic(credentials))).status
  assert.equal(await status('bob:secret: 1'), 200)
  write(`basic_auth_users:\n  bob: ${await hash('new', 4)}`)
  assert.deepEqual([await status('bob:secret: 1'), await status('bob:new')], [401, 200])
  write('basic_auth_user: {}')
  assert.deepEqual([await status('bob:new'), await status('bob:new')], [500, 500])
  write('')
  assert.equal(await status(''), 200)
  const told = logged.filter((line) => line.includes('Web configuration file'))
  assert.equal(told.length, 2)
  assert.match(
    told[0] ?? '',
    /all requests are rejected.*:1: basic_auth_user: unknown key, did you mean basic_auth_users\?/,
  )
})

test('headers are sent with every answer, also if the request is rejected', async (t) => {
  const { get } = await behind(t, `${await users()}http_server_config:\n  headers:\n    X-Frame-Options: deny\n`)
  assert.equal((await get('/')).headers['x-frame-options'], 'deny')
  assert.equal((await get('/', basic('bob:secret: 1'))).headers['x-frame-options'], 'deny')
})

test('requests above the rate limit are rejected', async (t) => {
  const clock = new TestClock()
  const { get } = await behind(t, 'rate_limit: { burst: 2, interval: 10s }', clock)
  const statuses = async () => [
    (await get('/-/healthy')).status,
    (await get('/-/healthy')).status,
    (await get('/-/healthy')).status,
  ]
  assert.deepEqual(await statuses(), [200, 200, 429])
  await clock.pass(10_000)
  assert.deepEqual(await statuses(), [200, 429, 429])
})

interface Client {
  readonly cert?: string
  readonly key?: string
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
}

/** The status and the server certificate, or the error. */
function secure(port: number, ca: string, client: Client = {}) {
  return new Promise<{ status: number; serial: string } | string>((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/-/healthy', ca, agent: false, ...client }, (reply) => {
      const { serialNumber: serial } = (reply.socket as ReturnType<typeof connect>).getPeerCertificate()
      reply.resume()
      resolve({ status: reply.statusCode ?? 0, serial })
    })
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    asked.end()
  })
}

const statusOf = (answer: Awaited<ReturnType<typeof secure>>) =>
  typeof answer === 'string' ? 'refused' : answer.status

/** Certificate files of a server and a client. */
function files(t: TestContext) {
  const { ca, make, server } = certificates(t)
  const own = 'subjectAltName=IP:127.0.0.1'
  const [first, second] = [make('first', own), make('second', own)]
  const tls = (more = '', { cert, key } = first) =>
    `tls_server_config:\n  cert_file: ${cert}\n  key_file: ${key}\n${more.replaceAll(/^/gm, '  ')}\n`
  const client = make('client', 'subjectAltName=DNS:prometheus.test')
  return { ca, trusted: server.ca, first, second, tls, client }
}

const textOf = async ({ cert, key }: { cert: string; key: string }) => {
  const { readFileSync } = await import('node:fs')
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}

test('with a certificate the server speaks only TLS, and the next connection gets a renewed certificate', async (t) => {
  const { trusted, tls, second } = files(t)
  const { port, write } = await behind(t, tls('min_version: TLS12'))
  const before = await secure(port, trusted)
  assert.ok(typeof before === 'object')
  assert.equal(before.status, 200)
  await assert.rejects(ask(port, '/-/healthy'))
  write(tls('min_version: TLS13', second))
  const after = await secure(port, trusted)
  assert.ok(typeof after === 'object')
  assert.notEqual(after.serial, before.serial)
  assert.equal(statusOf(await secure(port, trusted, { maxVersion: 'TLSv1.2' })), 'refused')
  write('tls_server_config: { cert_file: nowhere.pem, key_file: nowhere.key }')
  assert.equal(statusOf(await secure(port, trusted)), 'refused')
})

test('each type of client authentication accepts the right clients, also when the file changes', async (t) => {
  const { ca, trusted, tls, client } = files(t)
  const stranger = await textOf(certificates(t).make('stranger'))
  const mine = await textOf(client)
  const { port, write } = await behind(t, tls())
  const rows = [
    // type; results without a certificate, with a trusted one, with an untrusted one
    ['NoClientCert', 200, 200, 200],
    ['RequestClientCert', 200, 200, 200],
    ['RequireAnyClientCert', 'refused', 200, 200],
    ['VerifyClientCertIfGiven', 200, 200, 'refused'],
    ['RequireAndVerifyClientCert', 'refused', 200, 'refused'],
  ] as const
  for (const [type, ...expected] of rows) {
    write(tls(`client_auth_type: ${type}\n${type === 'NoClientCert' ? '' : `client_ca_file: ${ca}`}`))
    const answers = [
      await secure(port, trusted),
      await secure(port, trusted, mine),
      await secure(port, trusted, stranger),
    ]
    assert.deepEqual(answers.map(statusOf), expected, type)
  }
  const names = (name: string) =>
    tls(`client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ${ca}\nclient_allowed_sans: [${name}]`)
  write(names('prometheus.test'))
  assert.equal(statusOf(await secure(port, trusted, mine)), 200)
  write(names('other.test'))
  assert.equal(statusOf(await secure(port, trusted, mine)), 'refused')
})
