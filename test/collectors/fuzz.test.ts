import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCycle } from '../../src/collect/cycle.ts'
import { type Collector, collector } from '../../src/collector.ts'
import { collectors } from '../../src/collectors/index.ts'
import { Dir } from '../../src/host/fs/dir.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../../src/metrics/snapshot.ts'

import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { cases } from '../support/cases.ts'
import { type DirOf, type Given, hostOf, valuesOf } from '../support/collect.ts'
import { babbling, type Content, content, invented } from '../support/invented.ts'
import { textFiles } from '../support/tree.ts'

/** FUZZ_RUNS=1000 runs more cases, with a random seed. */
const parameters = process.env.FUZZ_RUNS ? { numRuns: Number(process.env.FUZZ_RUNS) } : { numRuns: 25, seed: 1 }

const canary = gauge('canary', 'There in every cycle.', ['side'])
const side = (name: string) =>
  collector({ name, about: 'Test.', collect: ({ emit }) => emit(canary, 1, { side: name }) })

/** Runs two cycles of a collector between two others; also returns its errors. */
async function run(
  subject: Collector,
  dir: DirOf,
  given: Given,
): Promise<{ snapshots: Snapshot[]; thrown: unknown[] }> {
  const thrown: unknown[] = []
  const watched: Collector = {
    ...subject,
    async collect(context) {
      try {
        await subject.collect(context)
      } catch (error) {
        thrown.push(error)
        throw error
      }
    },
  }
  const enabled = [side('before'), watched, side('after')]
  const cycle = createCycle({
    host: hostOf(dir, given),
    enabled: enabled.map((one) => ({ collector: one, options: valuesOf(one.options, given.options) })),
    interfaces: () => true,
    builder: new SnapshotBuilder(new SeriesTable()),
    clock: systemClock,
    log: silent,
    deadlineMs: 5000,
    selfMetrics: () => {},
  })
  return { snapshots: [(await cycle(0)).snapshot, (await cycle(15_000)).snapshot], thrown }
}

/** Errors that JavaScript throws for a bug in the program, not for invalid input. */
const slips = [TypeError, ReferenceError, RangeError, SyntaxError]

function check({ snapshots, thrown }: Awaited<ReturnType<typeof run>>, isNaNAllowed: boolean): void {
  for (const error of thrown) if (slips.some((slip) => error instanceof slip)) throw error
  for (const snapshot of snapshots) {
    const canaries = snapshot.series.filter(({ family }) => family === canary).length
    assert.equal(canaries, 2, 'samples of other collectors are lost')
    snapshot.series.forEach(({ family, labelValues }, i) => {
      const name = family.name + family.suffix
      assert.match(name, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/)
      for (const label of family.labelNames) assert.match(label, /^[a-zA-Z_][a-zA-Z0-9_]*$/)
      for (const value of labelValues) assert.ok(value.isWellFormed(), `${name}: ${JSON.stringify(value)}`)
      if (!isNaNAllowed) assert.ok(!Number.isNaN(snapshot.values[i]), `${name} is NaN`)
    })
  }
}

const saysNaN = (text: Content): boolean => !('error' in text) && /nan/i.test(Buffer.from(text).toString())

for (const one of collectors)
  test(`${one.name} survives a host with random content`, async () => {
    const deps = fc.tuple(fc.array(content, { minLength: 1, maxLength: 6 }), fc.nat())
    const survives = fc.asyncProperty(deps, async ([contents, salt]) => {
      const files = invented(contents, salt)
      const dir: DirOf = (tree, path = '') => new Dir(files, `${tree}/${path}`)
      check(await run(one, dir, { services: babbling(files) }), contents.some(saysNaN))
    })
    await fc.assert(survives, parameters)
  })

/** A valid file after damage: truncated, replaced or interrupted by random content, a line repeated. */
type Damage = (text: Buffer, place: number, piece: Content) => Content
const damages: readonly Damage[] = [
  (text, place) => text.subarray(0, place),
  (_, __, piece) => piece,
  (text, place, piece) =>
    'error' in piece ? piece : Buffer.concat([text.subarray(0, place), piece, text.subarray(place)]),
  (text, place) => {
    const [begin, end] = [text.lastIndexOf('\n', place) + 1, text.indexOf('\n', place) + 1 || text.length]
    return Buffer.concat([text.subarray(0, end), text.subarray(begin)])
  },
]

const trees = ['proc', 'sys', 'rootfs', 'udev', 'elsewhere'] as const

for (const { title, subject, given } of cases)
  test(`${title}, with damaged files`, async () => {
    const places = trees.flatMap((tree) => Object.keys(given[tree] ?? {}).map((path) => ({ tree, path })))
    const hit = fc.tuple(fc.constantFrom(...places), fc.nat(), fc.constantFrom(...damages), content)
    const survives = fc.asyncProperty(fc.array(hit, { minLength: 1, maxLength: 3 }), async (hits) => {
      const damaged = new Map(trees.map((tree) => [tree, { ...given[tree] }]))
      for (const [{ tree, path }, place, damage, piece] of hits) {
        const nodes = damaged.get(tree) ?? {}
        const text = nodes[path]
        if (text instanceof Buffer) nodes[path] = damage(text, place % (text.length + 1), piece)
      }
      const dir: DirOf = (tree, path = '') => new Dir(textFiles(damaged.get(tree) ?? {}), path)
      const texts = [...damaged.values()]
        .flatMap((tree) => Object.values(tree))
        .filter((node): node is Buffer => node instanceof Buffer)
      check(await run(subject, dir, given), texts.some(saysNaN))
    })
    await fc.assert(survives, parameters)
  })
