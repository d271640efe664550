import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createNotify } from '../../../src/host/systemd/notify.ts'
import { createLog, silent } from '../../../src/util/log.ts'
import { hostpush, program, type Running, start, temporary } from '../../support/servers.ts'

/** A real datagram socket in place of systemd's. */
async function listener(t: TestContext, address: string): Promise<Running | undefined> {
  const compiler = program(t, 'cc')
  if (compiler === undefined) return undefined
  const file = join(temporary(t), 'datagrams')
  execFileSync(compiler, ['-o', file, join(import.meta.dirname, 'datagrams.c')])
  const listening = start(t, file, [address])
  await listening.until(/listening/)
  return listening
}

const addresses = {
  'in the file system': (t: TestContext) => join(temporary(t), 'notify'),
  'that is abstract': () => `@hostpush-test-${process.pid}`,
}
for (const [where, addressOf] of Object.entries(addresses)) {
  test(`messages arrive at a socket ${where}, complete and in order`, async (t) => {
    const address = addressOf(t)
    const manager = await listener(t, address)
    if (manager === undefined) return
    const notify = createNotify(address, { log: silent })
    notify('READY=1', 'STATUS=well')
    notify('WATCHDOG=1')
    notify('STOPPING=1')
    await manager.until(/STOPPING/)
    assert.equal(manager.output(), 'listening\n<READY=1\nSTATUS=well>\n<WATCHDOG=1>\n<STOPPING=1>\n')
  })
}

test('without NOTIFY_SOCKET nothing is sent, and an unusable socket is logged once', async (t) => {
  createNotify(undefined, { log: silent, load: () => Promise.reject(new Error('not needed')) })('READY=1')
  const lines: string[] = []
  const log = createLog(
    'info',
    'logfmt',
    (line) => lines.push(line),
    () => 0,
  )
  const notify = createNotify(join(temporary(t), 'none'), { log })
  notify('READY=1')
  notify('WATCHDOG=1')
  while (lines.length === 0) await new Promise((resolve) => setImmediate(resolve))
  createNotify('vsock:2:1234', { log })('READY=1')
  assert.equal(lines.length, 2, lines.join(''))
  assert.match(lines[0] ?? '', /Notifying systemd failed.*ENOENT/)
  assert.match(lines[1] ?? '', /vsock:2:1234.*unsupported address/)
})

test('an agent notifies systemd of its start, its watchdog pings and its stop', async (t) => {
  const address = join(temporary(t), 'notify')
  const manager = await listener(t, address)
  if (manager === undefined) return
  const file = join(temporary(t), 'config.json')
  const url = 'http://127.0.0.1:9/api/v1/write' // nothing listens there: the ping shows that the sender is alive
  writeFileSync(
    file,
    JSON.stringify({
      remote_write: [{ url }],
      global: { scrape_interval: '500ms' },
      web: { listen_address: [] },
      flush_timeout: '100ms',
    }),
  )
  const agent = hostpush(t, ['run', `--config.file=${file}`], { NOTIFY_SOCKET: address, WATCHDOG_USEC: '200000' })
  await manager.until(/READY=1.*(WATCHDOG=1\nSTATUS=default: .*ECONNREFUSED.*){2}/s)
  agent.child.kill('SIGTERM')
  await manager.until(/STOPPING=1/)
  assert.equal(await agent.ended, 0)
})
