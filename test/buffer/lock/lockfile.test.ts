import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, BufferLock, ownerOf } from '../../../src/buffer/lock/lockfile.ts'
import { silent } from '../../../src/util/log.ts'
import { recordingLog } from '../../support/buffer.ts'

async function* echo(request: unknown) {
  yield { asked: request }
  if ((request as { command: string }).command === 'fail') throw new Error('no')
}

function folder(t: { after(work: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'hostpush-owner-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

test('a second owner is rejected with the pid of the first, and accepted after the first has closed', async (t) => {
  const directory = folder(t)
  const first = new BufferLock(directory, echo, { log: silent })
  await first.acquire()
  const second = new BufferLock(directory, echo, { log: silent })
  await assert.rejects(
    second.acquire(),
    new RegExp(`is in use by a running agent \\(pid ${process.pid}\\).*buffer.directory`),
  )
  await first.close()
  await second.acquire()
  await second.close()
  assert.equal(await ask(directory, { command: 'x' }), undefined)
})

test('a stale socket of a dead process is replaced', async (t) => {
  const directory = folder(t)
  const script = `require('node:net').createServer().listen(${JSON.stringify(`${directory}/owner`)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  assert.ok(existsSync(`${directory}/owner`))
  const owner = new BufferLock(directory, echo, { log: silent })
  await owner.acquire()
  assert.deepEqual(await Array.fromAsync((await ask(directory, { command: 'hello' })) ?? []), [
    { asked: { command: 'hello' } },
  ])
  await owner.close()
})

test('of many processes that replace a stale socket at once, one becomes the owner', async (t) => {
  const directory = folder(t)
  const script = `require('node:net').createServer().listen(${JSON.stringify(`${directory}/owner`)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  const owners = Array.from({ length: 12 }, () => new BufferLock(directory, echo, { log: silent }))
  const outcomes = await Promise.allSettled(owners.map((owner) => owner.acquire()))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const owner of owners) await owner.close()
})

test('a path that is longer than a socket address is supported', async (t) => {
  const directory = join(folder(t), 'a'.repeat(60), 'b'.repeat(60))
  mkdirSync(directory, { recursive: true })
  const owner = new BufferLock(directory, echo, { log: silent })
  await owner.acquire()
  await assert.rejects(new BufferLock(directory, echo, { log: silent }).acquire(), /in use by a running agent/)
  assert.equal((await Array.fromAsync((await ask(directory, { command: 'x' })) ?? [])).length, 1)
  await owner.close()
})

test('a failure during an answer is an error after the lines that were sent', async (t) => {
  const directory = folder(t)
  const owner = new BufferLock(directory, echo, { log: silent })
  await owner.acquire()
  const parts: unknown[] = []
  await assert.rejects(async () => {
    for await (const part of (await ask(directory, { command: 'fail' })) ?? []) parts.push(part)
  }, /^BufferError: no$|no/)
  assert.equal(parts.length, 1)
  await owner.close()
})

test('if no socket can be created, a warning is logged and the agent continues', async (t) => {
  const { log, lines } = recordingLog()
  await new BufferLock(join(folder(t), 'missing'), echo, { log }).acquire()
  assert.equal(lines.length, 1)
})

test('an owner that stops while it is asked counts as gone', async (t) => {
  const directory = folder(t)
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    server.close()
    socket.on('error', () => {})
    setTimeout(() => socket.destroy(), 20) // the request is unread, so the client gets ECONNRESET
  })
  await new Promise<void>((resolve) => server.listen(join(directory, 'owner'), resolve))
  assert.equal(await ownerOf(directory), undefined)
})

/** A process that listens as the owner and is stopped. */
async function stoppedOwner(t: TestContext, directory: string, backlog: number) {
  const listening = `require('node:net').createServer().listen({ path: ${JSON.stringify(`${directory}/owner`)}, backlog: ${backlog} }, () => console.log('listening'))`
  const child = spawn(process.execPath, ['-e', listening], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.kill('SIGSTOP')
}

test('a question to an owner that is stopped ends with an error within seconds, also if its backlog is full', async (t) => {
  const directory = folder(t)
  await stoppedOwner(t, directory, 1)
  const isStopped = {
    name: 'Error',
    message: /^buffer: the process that owns \S+ does not answer: it is stopped or hangs/,
  }
  const startMs = performance.now()
  await assert.rejects(async () => Array.fromAsync((await ask(directory, { command: 'ls' })) ?? []), isStopped)
  assert.ok(performance.now() - startMs < 10_000)
  const waiting = Array.from({ length: 8 }, () => connect(`${directory}/owner`).on('error', () => {}))
  t.after(() => {
    for (const socket of waiting) socket.destroy()
  })
  await assert.rejects(async () => Array.fromAsync((await ask(directory, { command: 'ls' })) ?? []), isStopped)
  assert.equal(await ownerOf(directory, 1000), 'unclear')
})

test('a signal ends a question to an owner that is stopped', async (t) => {
  const directory = folder(t)
  await stoppedOwner(t, directory, 100)
  const signal = AbortSignal.timeout(100)
  await assert.rejects(
    async () => Array.fromAsync((await ask(directory, { command: 'ls' }, signal)) ?? []),
    /does not answer/,
  )
})

test('an owner that needs long for an answer and still runs is waited for', async (t) => {
  const directory = folder(t)
  const owner = new BufferLock(
    directory,
    async function* () {
      await sleep(4500) // longer than the time after which an owner counts as hung
      yield { slow: true }
    },
    { log: silent },
  )
  await owner.acquire()
  assert.deepEqual(await Array.fromAsync((await ask(directory, { command: 'ls' })) ?? []), [{ slow: true }])
  await owner.close()
})
