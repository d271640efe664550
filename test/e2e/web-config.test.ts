import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hash } from 'bcryptjs'
import { peerProgram } from '../../scripts/peer.ts'
import { certificates } from '../support/certificates.ts'
import { eventually, freePort, hostpush, start, temporary } from '../support/servers.ts'

/* The same web configuration file for the real node_exporter and for hostpush: curl sees no difference. */

/** Path of node_exporter. Without it the test is skipped; in CI it fails. */
function exporter(t: TestContext): string | undefined {
  try {
    return peerProgram()
  } catch (error) {
    if (process.env['CI'] === 'true') throw error
    t.skip(error instanceof Error ? error.message : String(error))
    return undefined
  }
}

const headers = ['www-authenticate', 'x-frame-options', 'strict-transport-security', 'x-content-type-options']

/** Status and headers, or the reason for a missing response. */
function curl(url: string, args: readonly string[]): string {
  try {
    const given = ['-sS', '-m', '5', '-o', '/dev/null', '--http1.1', '-w', '%{http_code} %{header_json}', ...args, url]
    const [, status, json = ''] =
      /^(\d+) (.*)$/s.exec(execFileSync('curl', given, { encoding: 'utf8', stdio: 'pipe' })) ?? []
    const all = JSON.parse(json) as Record<string, readonly string[]>
    return [status, ...headers.flatMap((name) => (all[name] ? [`${name}: ${all[name].join()}`] : []))].join(' ')
  } catch {
    return 'no answer'
  }
}

/** Both servers with the same file, and their responses to the same requests. */
async function both(t: TestContext, peer: string, text: string) {
  const file = join(temporary(t), 'web.yml')
  writeFileSync(file, text)
  const [theirs, ours] = [await freePort(), await freePort()]
  const common = [`--web.config.file=${file}`, '--collector.disable-defaults', '--collector.loadavg']
  start(t, peer, [...common, `--web.listen-address=127.0.0.1:${theirs}`])
  const config = join(temporary(t), 'config.json')
  writeFileSync(
    config,
    JSON.stringify({ pushgateway: [{ url: 'http://127.0.0.1:1' }], global: { scrape_interval: '1s' } }),
  )
  const us = hostpush(t, ['run', `--config.file=${config}`, ...common, `--web.listen-address=127.0.0.1:${ours}`])
  await us.until(/Listening for HTTP requests/)
  const ask = (path: string, ...args: readonly string[]) =>
    [theirs, ours].map((port) => curl(path.replace('HOST', `127.0.0.1:${port}`), args))
  return { file, ask }
}

test('passwords and headers: the responses equal those of node_exporter, also with an invalid file', async (t) => {
  const peer = exporter(t)
  if (peer === undefined) return
  const password = await hash('secret', 4)
  const { file, ask } = await both(
    t,
    peer,
    `basic_auth_users:\n  bob: ${password}\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1\n`,
  )
  const page = 'http://HOST/metrics'
  await eventually(
    async () => ask(page, '-u', 'bob:secret'),
    (both) => both.every((one) => one.startsWith('200 ')),
  )
  for (const args of [
    [],
    ['-u', 'bob:wrong'],
    ['-u', 'eve:secret'],
    ['-H', 'Authorization: Basic !'],
    ['-u', 'bob:'],
  ]) {
    const [theirs, ours] = ask(page, ...args)
    assert.equal(ours, theirs, args.join(' '))
    assert.match(ours ?? '', /^401 www-authenticate: Basic x-frame-options: deny /, args.join(' '))
  }
  writeFileSync(file, 'basic_auth_user:\n')
  const [theirs, ours] = ask(page, '-u', 'bob:secret')
  assert.equal(ours, theirs)
  assert.match(ours ?? '', /^500/)
})

test('TLS and client certificates: hostpush accepts the same clients as node_exporter', async (t) => {
  const peer = exporter(t)
  if (peer === undefined) return
  const { ca, make } = certificates(t)
  const server = make('listening', 'subjectAltName=IP:127.0.0.1')
  const [client, stranger] = [make('client'), certificates(t).make('stranger')]
  const tls = (type: string) =>
    `tls_server_config:\n  cert_file: ${server.cert}\n  key_file: ${server.key}\n  client_auth_type: ${type}\n${type === 'NoClientCert' ? '' : `  client_ca_file: ${ca}\n`}`
  const { file, ask } = await both(t, peer, tls('NoClientCert'))
  const page = 'https://HOST/metrics'
  const trust = ['--cacert', ca]
  await eventually(
    async () => ask(page, ...trust),
    (both) => both.every((one) => one.startsWith('200')),
  )
  const clients = [[], ['--cert', client.cert, '--key', client.key], ['--cert', stranger.cert, '--key', stranger.key]]
  for (const type of ['RequireAnyClientCert', 'VerifyClientCertIfGiven', 'RequireAndVerifyClientCert']) {
    writeFileSync(file, tls(type))
    for (const [i, args] of clients.entries()) {
      const [theirs, ours] = ask(page, ...trust, ...args)
      assert.equal(ours?.slice(0, 3), theirs?.slice(0, 3), `${type} ${i}`)
    }
  }
  const [theirs, ours] = ask(page, ...trust, '--tls-max', '1.1')
  assert.deepEqual([theirs, ours], ['no answer', 'no answer'])
})
