import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiskBuffer } from '../../../src/buffer/disk-buffer.ts'
import { beginningOf, counter, gauge, ownCounter, type Starts, undatedCounter } from '../../../src/metrics/family.ts'
import { SeriesTable } from '../../../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../../../src/metrics/snapshot.ts'
import { openLog, signal } from '../../support/buffer.ts'
import { SimulatedDisk } from '../../support/simulated-disk.ts'

const families = [counter('of_kernel', ''), ownCounter('own', ''), undatedCounter('foreign', ''), gauge('level', '')]

/** Makes the snapshots of one agent. */
function agent(starts: Starts | undefined) {
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'test' }))
  return (number: number): Snapshot => {
    builder.begin()
    for (const family of families) builder.add(family, number)
    return { ...builder.end(1_700_000_000_000 + number * 15_000), ...(starts && { starts }) }
  }
}

/** The start time of each sample, by snapshot. */
async function startsIn(buffer: DiskBuffer): Promise<readonly (readonly (number | undefined)[])[]> {
  const cursor = buffer.cursor('a')
  const rows: (readonly (number | undefined)[])[] = []
  while (cursor.backlog().snapshots > 0) {
    const entries = await cursor.read({ samples: 1e6 }, signal)
    for (const { snapshot } of entries)
      rows.push(snapshot.series.map(({ family: { since } }) => since && beginningOf(since, snapshot.starts)))
    await cursor.commit(entries.at(-1)?.sequence ?? 0)
  }
  return rows
}

const first: Starts = { boot: 1_699_000_000_000, start: 1_699_999_000_123 }
const second: Starts = { boot: 1_699_000_001_000, start: 1_699_999_999_456 }
const startsOf = ({ boot, start }: Starts) => [boot, start, undefined, undefined]

test('snapshots of a previous agent keep its start times', async () => {
  const disk = new SimulatedDisk()
  const before = await openLog(disk)
  before.cursor('a')
  for (let i = 0; i < 40; i++) before.append(agent(first)(i))
  await before.close()
  const after = await openLog(disk.afterKill())
  after.cursor('a')
  for (let i = 40; i < 45; i++) after.append(agent(second)(i))
  const expected = [...Array(45).keys()].map((i) => startsOf(i < 40 ? first : second))
  assert.deepEqual(await startsIn(after), expected)
  await after.close()
})

test('start times that change within a segment are read back as written', async () => {
  const disk = new SimulatedDisk()
  const buffer = await openLog(disk)
  buffer.cursor('a')
  const agents = [undefined, first, first, second, undefined, first]
  for (const [i, starts] of [...agents, ...agents].entries()) buffer.append(agent(starts)(i))
  await buffer.close()
  const unset = { boot: 0, start: 0 }
  const read = await startsIn(await openLog(disk.afterKill()))
  assert.deepEqual(
    read.map((row) => row.map((start) => start ?? 0)),
    [...agents, ...agents].map((starts = unset) => startsOf(starts).map((start) => start ?? 0)),
  )
})
