import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openDisk } from '../../src/buffer/index.ts'
import { createReceiver } from '../../src/demo-receiver/receiver.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { answerOf, rawServer } from '../support/raw.ts'
import { temporary } from '../support/servers.ts'
import { commandLine } from '../support/terminal.ts'

const few = ['--collector.disable-defaults', '--collector.loadavg']

async function doctor(t: TestContext, shape: object, ...more: readonly string[]) {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify(shape))
  return commandLine(['doctor', `--config.file=${file}`, ...few, ...more])
}

async function receiver(t: TestContext) {
  const one = await createReceiver({ listen: { host: '127.0.0.1', port: 0 }, ledger: true })
  t.after(() => one.close())
  return one
}

const findings = (out: string) => JSON.parse(out) as readonly Finding[]

test('without a running agent, and with no failure, the status is 0 and each check has one line', async (t) => {
  const { url } = await receiver(t)
  const directory = join(temporary(t), 'buffer')
  const shape = { remote_write: [{ url: `${url}/api/v1/write` }], buffer: { directory, max_bytes: '1MiB' } }
  const { status, out, err } = await doctor(t, shape)
  assert.equal(err, '')
  assert.equal(status, 0, out)
  for (const line of [
    /^ok {4}configuration +valid: collects every 15 s, pushes to 1 output$/m,
    /^ok {4}collectors +1 of 1 collectors can read their files$/m,
    /^ok {4}buffer +\/.*\/buffer: .* free, the buffer uses at most 1 MiB/m,
    /^warn {2}agent +no agent runs on .*\n +do: start hostpush run/m,
    /^http:.*\/api\/v1\/write\n(ok .*\n)+ok {4}access +http:.*\/api\/v1\/write accepted an empty request: address, tenant and token are right \(limits are not tested\)$/m,
    /^ok {4}series +\d+ series, at most \d+ labels each$/m,
    /^0 failures, \d+ warnings?, \d+ checks passed\nhttp:.*\/api\/v1\/write: ready$/m,
  ])
    assert.match(out, line)
})

test('one failure makes the status 1; --format=json prints the report as JSON', async (t) => {
  const { port } = await rawServer(t, (socket) => socket.write(answerOf(403)))
  const shape = { remote_write: [{ url: `http://127.0.0.1:${port}/` }], buffer: { mode: 'memory' } }
  const { status, out } = await doctor(t, shape, '--format=json')
  assert.equal(status, 1)
  const failed = findings(out).filter(({ level }) => level === 'fail')
  assert.deepEqual(
    failed.map(({ thing }) => thing),
    ['default access'],
  )
  assert.match(failed[0]?.remedy ?? '', /not allowed to write/)
  assert.ok(findings(out).some(({ level, thing }) => level === 'warn' && thing === 'buffer'))
})

test('each error of the configuration is a failure', async (t) => {
  const { status, out } = await doctor(t, { remote_write: [{ url: 'nonsense' }], intervall: '5s' }, '--format=json')
  assert.equal(status, 1)
  assert.equal(findings(out).length, 2)
  for (const { level, thing } of findings(out)) assert.deepEqual([level, thing], ['fail', 'configuration'])
})

test('a full disk is a failure, and series with too many labels are a warning', async (t) => {
  const { url } = await receiver(t)
  const buffer = { directory: temporary(t), min_free: '1000000GiB' }
  const shape = { remote_write: [{ url: `${url}/api/v1/write`, label_limit: 3 }], buffer }
  const all = findings((await doctor(t, shape, '--format=json')).out)
  assert.match(all.find(({ level }) => level === 'fail')?.text ?? '', /no space for the buffer/)
  assert.match(all.find(({ thing }) => thing === 'default series')?.text ?? '', /\d+ exceed the label limits/)
})

test('a running agent reports its backlog and rejected samples', async (t) => {
  const { url } = await receiver(t)
  const directory = temporary(t)
  const bounds = { directory, sync: 'never', maxBytes: 1e6, maxAgeMs: 1e9, minFreeBytes: 0 } as const
  const buffer = await openDisk(bounds, { clock: systemClock, log: silent, bootId: 'b' }, true)
  t.after(() => buffer.close())
  await buffer.cursor('default').saveDeadLetter({ reason: 'HTTP 400: out of order sample', entries: [] })
  const shape = { remote_write: [{ url: `${url}/api/v1/write` }], buffer: { directory } }
  const all = findings((await doctor(t, shape, '--format=json')).out)
  assert.match(all.find(({ thing }) => thing === 'agent')?.text ?? '', /^runs on /)
  assert.match(all.find(({ thing }) => thing === 'default backlog')?.text ?? '', /^empty$/)
})

test('an unknown format is an error of the command line', async () => {
  assert.equal((await commandLine(['doctor', '--format=xml'])).status, 2)
})
