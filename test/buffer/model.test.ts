import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DiskBuffer } from '../../src/buffer/disk-buffer.ts'
import type { Snapshot } from '../../src/metrics/snapshot.ts'
import { openLog, snapshots, textOf } from '../support/buffer.ts'
import { settled, TestClock } from '../support/clock.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'

const endpoints = ['a', 'b']

type Step =
  | { readonly do: 'append'; readonly names: readonly string[] }
  | { readonly do: 'read'; readonly endpoint: string; readonly samples: number; readonly moves: boolean }
  | { readonly do: 'restart'; readonly closes: boolean }
  | { readonly do: 'fault'; readonly operation: 'write' | 'datasync' | undefined }
  | { readonly do: 'pass'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      names: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'é', ''), { minLength: 1 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      endpoint: fc.constantFrom(...endpoints),
      samples: fc.integer({ min: 1, max: 30 }),
      moves: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), closes: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      operation: fc.constantFrom('write' as const, 'datasync' as const, undefined),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(15_000, 60_000, 3_600_000) }),
  },
)

/** The model of the log: an array, and an index for each endpoint. */
class Model {
  disk = new SimulatedDisk()
  readonly clock = new TestClock()
  buffer: DiskBuffer | undefined
  next = snapshots()
  entries: { readonly sequence: number; readonly snapshot: Snapshot }[] = []
  readonly positions = new Map(endpoints.map((endpoint) => [endpoint, 0]))
  number = 0

  async open() {
    this.buffer = await openLog(this.disk, {}, { clock: this.clock })
    for (const endpoint of endpoints) this.buffer.cursor(endpoint)
    await settled()
  }

  async take(step: Step) {
    const buffer = this.buffer
    assert.ok(buffer)
    if (step.do === 'append') {
      const snapshot = this.next(++this.number, [...step.names])
      const sequence = buffer.append(snapshot)
      assert.equal(sequence, (this.entries.at(-1)?.sequence ?? 0) + 1)
      this.entries.push({ sequence, snapshot })
      await settled()
    } else if (step.do === 'read') await this.#read(buffer, step)
    else if (step.do === 'pass') {
      await this.clock.pass(step.ms)
      await settled()
    } else if (step.do === 'fault') {
      const { operation } = step
      this.disk.fault = (op, path) => (op === operation && path.includes('/log/') ? 'EIO' : undefined)
    } else await this.#restart(buffer, step.closes)
  }

  async #read(buffer: DiskBuffer, { endpoint, samples, moves }: Extract<Step, { do: 'read' }>) {
    const cursor = buffer.cursor(endpoint)
    const position = this.positions.get(endpoint) ?? 0
    const waiting = this.entries.slice(position)
    assert.equal(cursor.backlog().snapshots, waiting.length)
    assert.equal(
      cursor.backlog().samples,
      waiting.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0),
    )
    if (waiting.length === 0) return
    const read = await cursor.read({ samples }, AbortSignal.timeout(30_000))
    assert.deepEqual(
      read.map(({ sequence, snapshot }) => `${sequence} ${textOf(snapshot)}`),
      waiting.slice(0, read.length).map(({ sequence, snapshot }) => `${sequence} ${textOf(snapshot)}`),
    )
    const total = read.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)
    assert.ok(read.length === 1 || (read.length > 1 && total <= samples))
    if (!moves) return
    const last = read.at(-1)?.sequence ?? 0
    await cursor.markInFlight({ first: read[0]?.sequence ?? 0, last, note: '' })
    await cursor.commit(last)
    this.positions.set(endpoint, position + read.length)
  }

  /** A kill while the disk fails loses the snapshots in memory, so the disk recovers before the kill. */
  async #restart(buffer: DiskBuffer, closes: boolean) {
    this.disk.fault = () => undefined
    await this.clock.pass(60_000)
    await settled()
    if (closes) await buffer.close()
    this.disk = this.disk.afterKill()
    this.next = snapshots()
    await this.open()
  }
}

test('after any sequence of appends, reads, commits, restarts and disk errors the log equals an array with an index for each endpoint', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const model = new Model()
      await model.open()
      for (const one of steps) await model.take(one)
      assert.deepEqual(model.buffer?.stats.dropped, new Map())
    }),
    { numRuns: 80, ...(process.env['SEED'] && { seed: Number(process.env['SEED']) }) },
  )
})
