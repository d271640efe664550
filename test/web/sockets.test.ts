import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { hostpush, ready, root } from '../support/servers.ts'

test('the page is served on a socket inherited from systemd, and on no other', async (t) => {
  const listening = createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  const { _handle: handle } = listening as unknown as { readonly _handle: { readonly fd: number } }
  const cli = join(root, 'src/cli.ts')
  const command = `LISTEN_PID=$$ exec '${process.execPath}' '${cli}' run --web.systemd-socket --runtime.gomaxprocs=1`
  const agent = spawn('sh', ['-c', command], {
    env: { ...process.env, LISTEN_FDS: '1' },
    stdio: ['ignore', 'ignore', 'pipe', handle.fd],
  })
  listening.close() // only the agent has the socket now
  let log = ''
  agent.stderr?.on('data', (text) => (log += text))
  const ended = once(agent, 'exit')
  t.after(async () => {
    agent.kill('SIGKILL')
    await ended
  })
  await ready(`http://127.0.0.1:${port}/-/ready`)
  assert.deepEqual(log.match(/address=\S+/g), [`address=127.0.0.1:${port}`])
  assert.match(log, /Flag has no effect.*--runtime.gomaxprocs/)
  agent.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

test('without an inherited socket the agent does not start, and the error says what is required', async (t) => {
  for (const env of [{}, { LISTEN_FDS: '1', LISTEN_PID: '1' }] as Record<string, string>[]) {
    const agent = hostpush(t, ['run', '--web.systemd-socket'], env)
    assert.equal(await agent.ended, 1)
    assert.match(agent.output(), /^hostpush: --web.systemd-socket: no socket was handed down \(LISTEN_FDS\)[^\n]*\n$/)
  }
})
