import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gauge } from '../../../src/metrics/family.ts'
import type { Series } from '../../../src/metrics/series.ts'
import { NamingSearch } from '../../../src/remote-write/acceptance/naming-search.ts'
import { identityText } from '../../../src/remote-write/series/series-text.ts'

const family = gauge('room', 'Room.', ['n'])
const seriesOf = (count: number): readonly Series[] =>
  Array.from({ length: count }, (_, i) => ({ ref: i, family, labelValues: [String(i)], identity: {} }))

/** Runs a search against a receiver that rejects these series. `names`: its messages name one. */
function searched(count: number, bad: ReadonlySet<number>, names: boolean, isBad = true) {
  const all = seriesOf(count)
  const byText = new Map(all.map((one) => [identityText(one), one]))
  const search = new NamingSearch()
  const found: number[] = []
  let requests = 0
  search.add(all, isBad)
  for (;;) {
    const texts = search.next((text) => found.push(byText.get(text)?.ref ?? -1))
    if (texts === undefined) break
    requests++
    const rejected = [...texts].flatMap((text) => byText.get(text) ?? []).filter(({ ref }) => bad.has(ref))
    const [first] = rejected
    if (first === undefined) search.accepted()
    else if (!names) search.rejected()
    else {
      search.named(first)
      found.push(first.ref)
    }
  }
  return { found: found.toSorted((left, right) => left - right), requests, search }
}

test('any rejected series are found, and no others, with and without names in the messages', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 80 }),
      fc.uniqueArray(fc.nat(79), { maxLength: 10 }),
      fc.boolean(),
      (count, some, names) => {
        const bad = new Set(some.filter((one) => one < count))
        const { found, search } = searched(count, bad, names, bad.size > 0)
        assert.deepEqual(
          found,
          [...bad].toSorted((left, right) => left - right),
        )
        assert.equal(search.isOver, true)
      },
    ),
    { numRuns: 500 },
  )
})

test('six series at the end of 564, as at a limit of the tenant, are found within the budget of an hour', () => {
  const { requests } = searched(564, new Set([558, 559, 560, 561, 562, 563]), false)
  assert.ok(requests <= 32, `${requests} requests`)
})

test('one series among 564 needs eleven requests', () => {
  const { requests } = searched(564, new Set([217]), false)
  assert.ok(requests <= 11, `${requests} requests`)
})

test('series that are known or suspected already are not added again', () => {
  const { search } = searched(4, new Set([2]), false)
  search.add(seriesOf(4), true)
  assert.equal(search.isOver, true)
  search.add(seriesOf(6), true)
  assert.equal(search.suspects, 2)
  search.add(seriesOf(6), true)
  assert.equal(search.suspects, 2)
})
