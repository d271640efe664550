import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLog, signal, snapshots, textOf } from '../../support/buffer.ts'
import { settled, TestClock } from '../../support/clock.ts'
import { randomOf } from '../../support/random.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

/**
 * Runs an agent that appends and sends until a power loss at the `cut`th disk operation; ignores everything after it.
 * Returns what receivers have seen until then.
 */
async function untilCut(disk: SimulatedDisk, cut: number, number: number, clock: TestClock) {
  const seen = { sendable: new Map<number, string>(), answered: 0, requested: 0, highest: 0 }
  let operations = 0
  let isCut = false
  const hang = new Promise<never>(() => {})
  const slow = disk.open.bind(disk)
  disk.fault = () => {
    isCut ||= ++operations > cut
    return isCut ? 'EPOWER' : undefined
  }
  disk.open = async (path, mode) => {
    const file = await slow(path, mode).catch((error) => (isCut ? hang : Promise.reject(error)))
    const orHang =
      <A extends unknown[], T>(work: (...given: A) => Promise<T>) =>
      (...given: A): Promise<T> =>
        work(...given).catch((error) => (isCut ? hang : Promise.reject(error)))
    return { ...file, write: orHang(file.write), datasync: orHang(file.datasync), read: orHang(file.read) }
  }
  const opening = openLog(disk, {}, { clock })
  const buffer = await Promise.race([opening, settled().then(settled)])
  if (!buffer) return seen
  const cursor = buffer.cursor('a')
  const next = snapshots(2)
  const run = (async () => {
    for (let i = 0; i < 12; i++) {
      seen.highest = buffer.append(next(number + i))
      if (i % 3 === 2) await clock.pass(3_600_000)
      const entries = await cursor.read({ samples: i % 2 ? 4 : 1 }, signal)
      if (isCut) return
      for (const { sequence, snapshot } of entries) seen.sendable.set(sequence, textOf(snapshot))
      const last = entries.at(-1)?.sequence ?? 0
      await cursor.markInFlight({ first: entries[0]?.sequence ?? 0, last, note: '' })
      if (isCut) return
      seen.requested = last
      if (i % 4 === 3) continue // the answer was lost
      seen.answered = last
      await cursor.commit(last)
      if (isCut) return
    }
  })()
  await Promise.race([run, settled().then(settled).then(settled).then(settled)])
  return seen
}

test('after three power losses, at every disk operation, no durable snapshot is lost and no sequence number is used twice', async () => {
  let losses = 0
  for (let cut = 1; cut < 140; cut++) {
    const random = randomOf(cut)
    let disk = new SimulatedDisk()
    const clock = new TestClock()
    const everSent = new Map<number, string>()
    let answered = 0
    for (let life = 0; life < 3; life++) {
      const seen = await untilCut(disk, life === 0 ? cut : Math.floor(random() * 100), life * 100, clock)
      for (const [sequence, text] of seen.sendable) {
        const before = everSent.get(sequence)
        assert.ok(before === undefined || before === text, `cut ${cut}: number ${sequence} was used for two`)
        everSent.set(sequence, text)
      }
      answered = Math.max(answered, seen.answered)
      disk = disk.afterPowerLoss(random)
      losses++
    }
    const buffer = await openLog(disk, {}, { clock })
    const cursor = buffer.cursor('a')
    const found = new Map<number, string>()
    assert.ok(cursor.backlog().snapshots >= 0)
    while (cursor.backlog().snapshots > 0) {
      const entries = await cursor.read({ samples: 1e9 }, AbortSignal.timeout(30_000))
      for (const { sequence, snapshot } of entries) found.set(sequence, textOf(snapshot))
      await cursor.commit(entries.at(-1)?.sequence ?? 0)
    }
    for (const [sequence, text] of everSent)
      if (sequence > answered) assert.equal(found.get(sequence), text, `cut ${cut}: number ${sequence} is lost`)
    assert.equal(buffer.stats.dropped.get('a'), undefined, `cut ${cut}`)
    assert.ok(buffer.append(snapshots(2)(999)) > Math.max(0, ...everSent.keys()))
  }
  assert.ok(losses > 400)
})
