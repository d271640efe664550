import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort, root, start } from './support/servers.ts'

const cli = join(root, 'src/cli.ts')

/** Runs a shell command in which `hostpush` is this program. */
function shell(command: string) {
  const script = `hostpush() { '${process.execPath}' '${cli}' "$@"; }; ${command}`
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
  return { status, out: stdout, err: stderr }
}

test('a failure to write standard output is reported, with status 1', () => {
  const { status, err } = shell('hostpush --version >/dev/full')
  assert.equal(status, 1)
  assert.match(err, /^hostpush: cannot write to standard output: ENOSPC[^\n]*\n$/)
})

test('a reader that closes the pipe early is not an error', () => {
  const { status, out, err } = shell('{ hostpush run --help; echo $? >&2; } | head -n 1')
  assert.deepEqual([status, out, err], [0, 'Usage: hostpush run [flags]\n', '0\n'])
})

test('a command that prints continuously ends when the reader closes the pipe', async (t) => {
  const receive = start(t, process.execPath, [cli, 'receive', '--listen-address=127.0.0.1:0'])
  await receive.until(/receiving at (\S+)/)
  const [url] = /http:\/\/[^/]+/.exec(receive.output()) ?? []
  receive.child.stdout?.destroy()
  while (receive.child.exitCode === null) {
    await fetch(`${url}/api/v1/write`, { method: 'POST' }).catch(() => {}) // it ends during this request
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(await receive.ended, 0)
})

test('a failure to write the log does not stop the command', async (t) => {
  const address = `127.0.0.1:${await freePort()}`
  const command = `exec '${process.execPath}' '${cli}' run --web.listen-address=${address} 2>/dev/full`
  const agent = start(t, 'sh', ['-c', command])
  let ready = false
  while (!ready && agent.child.exitCode === null)
    ready = await fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false, // it does not listen yet
    )
  assert.ok(ready)
  agent.child.kill()
  assert.equal(await agent.ended, 0)
})

test('the demo ends with one clear line if its port is in use', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const demo = start(t, process.execPath, [cli, 'demo', `--web.listen-address=127.0.0.1:${port}`])
  assert.equal(await demo.ended, 1)
  assert.match(demo.output(), /^hostpush: web: cannot listen on [^\n]* choose another with --web.listen-address\n$/)
})
