import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startGateway } from '../pushgateway/gateway.ts'
import { hostpush, temporary } from '../support/servers.ts'
import { commandLine } from '../support/terminal.ts'

/** A valid configuration with a password that is probably a mistake. */
async function configWithWarning(t: TestContext, more: object = {}) {
  const { url } = await startGateway(t, () => undefined)
  const folder = temporary(t)
  const file = join(folder, 'config.json')
  const pushgateway = [{ url, basic_auth: { username: 'me', password: '"s3cret"' } }]
  writeFileSync(file, JSON.stringify({ pushgateway, buffer: { directory: join(folder, 'buffer') }, ...more }))
  return `--config.file=${file}`
}

const warning = 'hostpush: warning: pushgateway[0].basic_auth.password: is enclosed in quotes, which are sent too\n'
const never = () => new AbortController().signal

test('every command that pushes prints a warning about a probable mistake, and nothing else changes', async (t) => {
  const flag = await configWithWarning(t)
  const pushed = await commandLine(['push', '--job=j', flag], {}, never(), 'a 1\n')
  assert.deepEqual([pushed.status, pushed.err], [0, warning])
  const once = await commandLine(['once', flag, '--collector.disable-defaults', '--collector.time'], {}, never())
  assert.deepEqual([once.status, once.err], [0, warning])
  const exec = hostpush(t, ['exec', flag, '--', 'true'])
  assert.deepEqual([await exec.ended, exec.output()], [0, warning])
})

test('check and doctor warn of a secret in a file that every user can read', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-'))
  t.after(() => rmSync(folder, { recursive: true }))
  chmodSync(folder, 0o755)
  const file = join(folder, 'config.json')
  const pushgateway = [{ url: 'http://127.0.0.1:9', basic_auth: { username: 'me', password: 's3cret' } }]
  writeFileSync(file, JSON.stringify({ pushgateway }), { mode: 0o644 })
  const words = `${file}: contains a secret, and every user can read it: chmod o-r ${file}`
  const check = await commandLine(['check', `--config.file=${file}`])
  assert.ok(check.out.endsWith(`Warning: ${words}\n`), check.out)
  const doctor = await commandLine(['doctor', '--format=json', `--config.file=${file}`])
  const findings = JSON.parse(doctor.out) as { readonly level: string; readonly text: string }[]
  assert.deepEqual(
    findings.filter(({ text }) => text === words).map(({ level }) => level),
    ['warn'],
  )
  chmodSync(file, 0o640)
  assert.doesNotMatch((await commandLine(['check', `--config.file=${file}`])).out, /every user/)
})

test('log level error suppresses warnings about the configuration', async (t) => {
  const flag = await configWithWarning(t, { log: { level: 'error' } })
  const { status, err } = await commandLine(['push', '--job=j', flag], {}, never(), 'a 1\n')
  assert.deepEqual([status, err], [0, ''])
})
