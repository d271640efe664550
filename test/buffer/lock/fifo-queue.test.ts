import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { acquireTurn } from '../../../src/buffer/lock/fifo-queue.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { root, temporary } from '../../support/servers.ts'

const never = new AbortController().signal
const take = (directory: string, signal = never) => acquireTurn(directory, { clock: systemClock }, signal)

/** A process that joins the queue, prints when it owns the resource, and keeps it. */
function holder(t: TestContext, directory: string): ChildProcess {
  const code = `import { acquireTurn } from '${join(root, 'src/buffer/lock/fifo-queue.ts')}'
import { systemClock } from '${join(root, 'src/util/clock.ts')}'
process.stdout.write('asking\\n')
const turn = await acquireTurn(process.argv[1], { clock: systemClock }, new AbortController().signal)
process.stdout.write('taken\\n')
process.stdin.on('data', () => turn.release().then(() => process.exit()))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  return child
}

const until = (child: ChildProcess, word: string) =>
  new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (text) => String(text).includes(word) && resolve())
    child.on('exit', (status) => reject(new Error(`the process ended with ${status} before it printed ${word}`)))
  })

test('processes acquire a resource in the order of joining', async (t) => {
  const directory = temporary(t)
  const first = await take(directory)
  const order: number[] = []
  const waiting: Promise<void>[] = []
  for (let i = 0; i < 5; i++) {
    const asked = readdirSync(directory).filter((name) => /^\d+$/.test(name)).length
    waiting.push(
      take(directory).then(async (turn) => {
        order.push(i)
        await turn?.release()
      }),
    )
    while (readdirSync(directory).filter((name) => /^\d+$/.test(name)).length === asked)
      await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(order, [])
  await first?.release()
  await Promise.all(waiting)
  assert.deepEqual(order, [0, 1, 2, 3, 4])
  assert.deepEqual(readdirSync(directory), ['6'], 'the last number stays, so that none is used twice')
})

test('one of many processes owns a resource at a time', async (t) => {
  const directory = temporary(t)
  let [inside, most, turns] = [0, 0, 0]
  const one = async () => {
    const turn = await take(directory)
    most = Math.max(most, ++inside)
    await new Promise((resolve) => setImmediate(resolve))
    inside--
    turns++
    await turn?.release()
  }
  await Promise.all(Array.from({ length: 30 }, one))
  assert.deepEqual({ inside, most, turns }, { inside: 0, most: 1, turns: 30 })
})

test('the end of a process releases its ticket, whether it owns the resource or waits', async (t) => {
  const directory = temporary(t)
  const first = holder(t, directory)
  await until(first, 'taken')
  const second = holder(t, directory)
  await until(second, 'asking')
  const mine = take(directory)
  second.kill('SIGKILL')
  first.kill('SIGKILL')
  const turn = await mine
  assert.ok(turn)
  await turn.release()
})

test('a process that aborts its wait leaves the queue and blocks no other', async (t) => {
  const directory = temporary(t)
  const first = await take(directory)
  const impatient = new AbortController()
  const second = take(directory, impatient.signal)
  const third = take(directory)
  impatient.abort()
  assert.equal(await second, undefined)
  await first?.release()
  await (await third)?.release()
})

test('joining rejects if the directory does not support sockets', async () => {
  await assert.rejects(take('/proc/self/turn'), /ENOENT|EACCES|EPERM/)
})
