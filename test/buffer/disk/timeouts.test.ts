import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { File, FileSystem } from '../../../src/buffer/disk/filesystem.ts'
import { withTimeouts } from '../../../src/buffer/disk/timeouts.ts'
import { allOf, openLog, recordingLog, signal, snapshots } from '../../support/buffer.ts'
import { settled, TestClock } from '../../support/clock.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

const hangMs = 30_000

/** A disk with a gate: operations hang while it is closed. */
function gated(disk: SimulatedDisk) {
  let gate: PromiseWithResolvers<void> | undefined
  let asked = 0
  const waiting = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (_, name) => {
        const operation = Reflect.get(target, name) as ((...args: unknown[]) => Promise<unknown>) | undefined
        if (operation === undefined) return undefined
        return async (...args: unknown[]) => {
          asked++
          await gate?.promise
          const answer = await operation.apply(target, args)
          return name === 'open' ? waiting(answer as File) : answer
        }
      },
    })
  return {
    files: waiting<FileSystem>(disk),
    asked: () => asked,
    hang: () => {
      gate = Promise.withResolvers()
    },
    goOn: () => {
      gate?.resolve()
      gate = undefined
    },
  }
}

async function startBuffer() {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const { log, lines } = recordingLog()
  const gate = gated(disk)
  const buffer = await openLog(withTimeouts(gate.files, clock), {}, { clock, log })
  const cursor = buffer.cursor('a')
  const next = snapshots()
  const append = async (number: number) => {
    buffer.append(next(number))
    await settled()
  }
  return { disk, clock, lines, gate, buffer, cursor, append }
}

const numbersIn = (entries: readonly { readonly sequence: number }[]) => entries.map(({ sequence }) => sequence)

test('a disk that hangs counts as failed: snapshots are sent from memory, and written when the disk responds again', async () => {
  const { disk, clock, lines, gate, cursor, append } = await startBuffer()
  await append(1)
  gate.hang()
  await append(2)
  await clock.pass(hangMs)
  await append(3)
  assert.deepEqual(numbersIn(await cursor.read({ samples: 99 }, signal)), [1, 2, 3])
  assert.deepEqual(
    lines.filter((line) => line.includes('not writable')).map((line) => /"reason":"([^"]+)/.exec(line)?.[1]),
    ['file system not responding: writing /b/log/0000000000000001.segment has not finished'],
  )
  gate.goOn()
  await clock.pass(60_000)
  await append(4)
  assert.match(lines.at(-1) ?? '', /disk recovered/)
  const again = await openLog(disk.afterPowerLoss(() => 0.6))
  assert.deepEqual(
    (await allOf(again)).map((line) => Number(line.split(' ')[0])),
    [1, 2, 3, 4],
  )
})

test('while an operation hangs no other is started, and files are closed when it ends', async () => {
  const { disk, clock, gate, append } = await startBuffer()
  await append(1)
  gate.hang()
  await append(2)
  await clock.pass(hangMs)
  const asked = gate.asked()
  for (let i = 3; i <= 20; i++) {
    await append(i)
    await clock.pass(15_000)
  }
  assert.equal(gate.asked(), asked)
  gate.goOn()
  await clock.pass(60_000)
  await append(21)
  assert.ok(disk.unclosed <= 2, `${disk.unclosed} files are open, of a segment and the cursors`)
})

test('a file that opens after the timeout is closed', async () => {
  const disk = new SimulatedDisk()
  const clock = new TestClock()
  const gate = gated(disk)
  gate.hang()
  const opening = assert.rejects(withTimeouts(gate.files, clock).open('/b/x', 'create'), { code: 'ETIMEDOUT' })
  await clock.pass(hangMs)
  await opening
  gate.goOn()
  await settled()
  assert.equal(disk.unclosed, 0)
  assert.deepEqual([...disk.names.keys()], ['/b/x'])
})

test('a segment is not skipped because the disk hangs', async () => {
  const { disk, append, buffer } = await startBuffer()
  for (let i = 1; i <= 3; i++) await append(i)
  await buffer.close()
  const clock = new TestClock()
  const gate = gated(disk)
  const again = await openLog(withTimeouts(gate.files, clock), {}, { clock })
  const cursor = again.cursor('a')
  gate.hang()
  const reading = cursor.read({ samples: 99 }, signal)
  for (let i = 0; i < 10; i++) await clock.pass(60_000)
  gate.goOn()
  await clock.pass(60_000)
  assert.deepEqual(numbersIn(await reading), [1, 2, 3])
  assert.deepEqual([...again.stats.dropped], [])
})
