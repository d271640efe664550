import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  advance,
  type BisectAnswer,
  deserialize,
  extent,
  firstEntrySeparately,
  type PendingSlices,
  serialize,
  wholeRange,
} from '../../../src/remote-write/rejection/bisect.ts'

/** A receiver like Prometheus: accepts a request as a whole or not at all, in order per series, and exact duplicates of the newest sample. */
class Strict {
  readonly newest: number[]
  readonly samples = new Set<string>()
  readonly #bad: ReadonlySet<number>
  requests = 0

  constructor(series: number, bad: ReadonlySet<number>) {
    this.newest = Array.from({ length: series }, () => -1)
    this.#bad = bad
  }

  take({ from, to, low, high }: { from: number; to: number; low: number; high: number }): BisectAnswer {
    this.requests++
    for (let series = low; series < high; series++) {
      if (this.#bad.has(series) || from < (this.newest[series] ?? -1)) return 'rejected'
    }
    for (let series = low; series < high; series++) {
      for (let entry = from; entry < to; entry++) this.samples.add(`${series}/${entry}`)
      this.newest[series] = Math.max(this.newest[series] ?? -1, to - 1)
    }
    return 'delivered'
  }
}

/** Bisects a range against a receiver. `lost(n)`: the receiver processes the nth request, but its response is lost. */
function workOut(receiver: Strict, start: PendingSlices, lost: (request: number) => boolean) {
  let work = start
  let replayed = 0
  const offending: number[] = []
  let requests = 0
  while (work.length > 0) {
    const slice = work.at(-1)
    assert.ok(slice !== undefined && ++requests < 10_000)
    let uncertain = false
    let verdict = receiver.take(extent(slice))
    while (lost(receiver.requests)) {
      uncertain = true
      verdict = receiver.take(extent(slice))
    }
    const result = advance(work, verdict, uncertain)
    work = result.pending
    if (result.replayed) replayed++
    if (result.offending) offending.push(result.offending.low)
    assert.deepEqual(
      deserialize(serialize(work, { entries: 99, series: 9999, samples: 7 }), { entries: 99, series: 9999, samples: 7 })
        .length,
      Math.max(1, work.length),
    )
  }
  return { replayed, offending }
}

test('an accepted range needs one request', () => {
  const receiver = new Strict(5, new Set())
  assert.deepEqual(
    workOut(receiver, wholeRange(3, 5, false), () => false),
    { replayed: 0, offending: [] },
  )
  assert.equal(receiver.requests, 1)
})

test('a range that had arrived before is recognised', () => {
  const receiver = new Strict(100, new Set())
  receiver.take({ from: 0, to: 20, low: 0, high: 100 })
  const { replayed, offending } = workOut(receiver, wholeRange(20, 100, true), () => false)
  assert.deepEqual([replayed, offending], [1, []])
  assert.equal(receiver.samples.size, 2000)
  assert.ok(receiver.requests <= 6, `${receiver.requests} requests`)
})

test('one bad series among many is found, and everything else is delivered', () => {
  const receiver = new Strict(1000, new Set([617]))
  const { offending } = workOut(receiver, wholeRange(4, 1000, false), () => false)
  assert.deepEqual(offending, [617])
  assert.equal(receiver.samples.size, 999 * 4)
  assert.ok(receiver.requests <= 22, `${receiver.requests} requests`)
})

test('with any bad series and any lost responses, all good series arrive and only bad ones are rejected', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 24 }),
      fc.array(fc.nat(23), { maxLength: 3 }),
      fc.array(fc.nat(40), { maxLength: 6 }),
      fc.boolean(),
      (entries, series, badOnes, lostOnes, before) => {
        const bad = new Set(badOnes.filter((one) => one < series))
        const lost = new Set(lostOnes)
        const receiver = new Strict(series, bad)
        if (before) receiver.take({ from: 0, to: entries, low: 0, high: series })
        const { offending } = workOut(receiver, wholeRange(entries, series, before), (n) => lost.has(n))
        const arrived = [...Array(series).keys()].filter((one) => !bad.has(one))
        for (const one of arrived) {
          for (let entry = 0; entry < entries; entry++)
            assert.ok(receiver.samples.has(`${one}/${entry}`), `${one}/${entry}`)
        }
        assert.deepEqual(
          [...new Set(offending)].sort((a, b) => a - b),
          [...bad].sort((a, b) => a - b),
        )
      },
    ),
    { numRuns: 2000 },
  )
})

test('a body that is too large is halved by entries, then by series, and no series is blamed', () => {
  let work = wholeRange(4, 8, false)
  const sent: number[] = []
  while (work.length > 0) {
    const slice = work.at(-1)
    assert.ok(slice)
    const { from, to, low, high } = extent(slice)
    const size = (to - from) * (high - low)
    const result = advance(work, size > 4 ? 'too large' : 'delivered', false)
    if (size <= 4) sent.push(size)
    assert.equal(result.offending, undefined)
    work = result.pending
  }
  assert.equal(
    sent.reduce((sum, size) => sum + size, 0),
    32,
  )
})

test('an invalid note stands for the whole range, uncertain', () => {
  for (const note of ['', 'x', 's 1', 's 0 9 0 1 0', 's 0 1 5 5 0', 's a b c d e'])
    for (const before of ['', '30,', '31,'])
      assert.deepEqual(deserialize(before + note, { entries: 3, series: 10, samples: 30 }), wholeRange(3, 10, true))
})

test('indexes of series that the next agent does not know are ignored', () => {
  const [slice] = deserialize('30,s 0 3 12 15 0,s 0 3 5 12 0', { entries: 3, series: 10, samples: 30 })
  assert.deepEqual(slice, { step: 'send', from: 0, to: 3, low: 5, high: 10, uncertain: true })
})

test('indexes are ignored if changed rules give the range another number of samples', () => {
  const work = wholeRange(3, 10, false).map((slice) => ({ ...slice, low: 5 }))
  assert.deepEqual(
    deserialize(serialize(work, { entries: 3, series: 10, samples: 30 }), { entries: 3, series: 20, samples: 60 }),
    wholeRange(3, 20, true),
  )
})

test('the whole range needs no note, a part of it does', () => {
  const view = { entries: 3, series: 10, samples: 30 }
  assert.equal(serialize(wholeRange(3, 10, true), view), '')
  assert.equal(serialize(firstEntrySeparately(3, 10), view), '30,s 1 3 0 10 0,s 0 1 0 10 0')
})

test('a note that is too long for a cursor becomes empty', () => {
  const [slice] = wholeRange(1, 9999, false)
  assert.equal(
    serialize(
      Array.from({ length: 99 }, () => slice ?? assert.fail()),
      { entries: 1, series: 9999, samples: 1 },
    ),
    '',
  )
})
