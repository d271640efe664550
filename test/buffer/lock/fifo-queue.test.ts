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

/** A process that takes its turn, says so, and holds it. */
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
  new Promise<void>((resolve) => child.stdout?.on('data', (text) => String(text).includes(word) && resolve()))

test('turns come in the order in which they were asked for', async (t) => {
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

test('one at a time, however many there are', async (t) => {
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

test('a turn ends with the process that has it, and with one that waits', async (t) => {
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

test('who does not want to wait any longer goes, and holds nobody up', async (t) => {
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

test('where there can be no sockets it is said', async () => {
  await assert.rejects(take('/proc/self/turn'), /ENOENT|EACCES|EPERM/)
})
