import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startGateway } from '../pushgateway/gateway.ts'
import { answerOf, rawServer } from '../support/raw.ts'
import { hostpush, temporary } from '../support/servers.ts'

/** An agent that is stopped by SIGSTOP beside the commands: the kernel accepts connections to its socket, and it answers none. */
async function stopped(t: TestContext) {
  const gateway = await startGateway(t, () => undefined)
  const { port } = await rawServer(t, (socket) => void socket.write(answerOf(204)))
  const folder = temporary(t)
  const file = join(folder, 'config.json')
  const config = {
    instance: 'h',
    remote_write: [{ url: `http://127.0.0.1:${port}/api/v1/write` }],
    pushgateway: [{ url: gateway.url }],
    buffer: { directory: join(folder, 'buffer') },
  }
  writeFileSync(file, JSON.stringify(config))
  const few = ['--collector.disable-defaults', '--collector.loadavg']
  const agent = hostpush(t, ['run', `--config.file=${file}`, '--web.listen-address=', ...few])
  await agent.until(/Agent running/)
  agent.child.kill('SIGSTOP')
  return { file: `--config.file=${file}`, few, requests: gateway.requests }
}

/** Runs a command to its end. With `signalAtMs` it gets SIGTERM then. */
async function timed(t: TestContext, args: readonly string[], signalAtMs?: number) {
  const startMs = performance.now()
  const running = hostpush(t, args)
  const timer = signalAtMs === undefined ? undefined : setTimeout(() => running.child.kill('SIGTERM'), signalAtMs)
  const status = await running.ended
  clearTimeout(timer)
  return { status, output: running.output(), seconds: (performance.now() - startMs) / 1000 }
}

/** For the start and the end of a process on a machine under load. */
const overheadSeconds = 6

test('beside a stopped agent, once and push deliver their samples within --timeout', async (t) => {
  const { file, few, requests } = await stopped(t)
  const once = await timed(t, ['once', file, '--timeout=5s', ...few])
  assert.equal(once.status, 0, once.output)
  assert.ok(once.seconds < 6 + overheadSeconds, `${once.seconds} s`)
  const input = join(temporary(t), 'x.prom')
  writeFileSync(input, 'answer 42\n')
  const push = await timed(t, ['push', file, '--job=p', '--timeout=3s', input])
  assert.equal(push.status, 0, push.output)
  assert.ok(push.seconds < 4 + overheadSeconds, `${push.seconds} s`)
  assert.ok(requests.some(({ body }) => body.includes('answer 42')))
})

test('beside a stopped agent, exec pushes the exit status of its command', async (t) => {
  const { file, requests } = await stopped(t)
  const exec = ['exec', file, '--timeout=3s', '--job=lost', '--', 'sh', '-c', 'sleep 1; exit 9']
  const { status, output, seconds } = await timed(t, exec)
  assert.equal(status, 9, output)
  assert.ok(seconds < 5 + overheadSeconds, `${seconds} s`)
  assert.ok(requests.some(({ body }) => /^batch_job_exit_code.* 9$/m.test(body)))
})

test('beside a stopped agent, buffer and doctor report it within seconds', async (t) => {
  const { file } = await stopped(t)
  const ls = await timed(t, ['buffer', 'ls', file])
  assert.equal(ls.status, 1)
  assert.match(ls.output, /^hostpush: buffer: the process that owns \S+ does not answer: it is stopped or hangs/)
  assert.ok(ls.seconds < 7 + overheadSeconds, `${ls.seconds} s`)
  const doctor = await timed(t, ['doctor', file])
  assert.equal(doctor.status, 1)
  assert.match(doctor.output, /agent +does not respond/)
  assert.ok(doctor.seconds < 7 + overheadSeconds, `${doctor.seconds} s`)
})

test('SIGTERM ends every command that waits for a stopped agent', async (t) => {
  const { file, few } = await stopped(t)
  for (const args of [
    ['buffer', 'ls', file],
    ['buffer', 'export', file],
    ['doctor', file],
    ['once', file, '--timeout=60s', ...few],
    ['run', file, '--web.listen-address='],
  ]) {
    const { seconds, output } = await timed(t, args, 1500)
    assert.ok(seconds < 1.5 + 2 + overheadSeconds, `${args.join(' ')}: ${seconds} s ${output}`)
  }
})
