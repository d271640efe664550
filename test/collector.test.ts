import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collectEach,
  collectEachAsync,
  collector,
  NoData,
  parseEach,
  requireDir,
  requireValue,
} from '../src/collector.ts'
import { Dir } from '../src/host/fs/dir.ts'
import { textFiles } from './support/tree.ts'

const fail = (error: Error) => {
  throw error
}

test('collectEach collects all items, then throws the first failure', () => {
  const seen: number[] = []
  const run = () =>
    collectEach([1, 2, 3], (n) => {
      seen.push(n)
      if (n < 3) fail(new Error(`number ${n}`))
    })
  assert.throws(run, /number 1/)
  assert.deepEqual(seen, [1, 2, 3])
})

test('any other failure takes precedence over NoData', () => {
  const errors = [new NoData('none'), new Error('broken')]
  assert.throws(() => collectEach(errors, fail), /broken/)
  assert.throws(() => collectEach(errors.slice(0, 1), fail), NoData)
})

test('collectEachAsync collects items one after another, then throws the first failure', async () => {
  const seen: number[] = []
  const run = collectEachAsync([1, 2, 3], async (n) => {
    seen.push(n)
    if (n < 3) throw new Error(`number ${n}`)
  })
  await assert.rejects(run, /number 1/)
  assert.deepEqual(seen, [1, 2, 3])
})

test('rows that fail to parse do not hide the others; the failure is thrown after the last row', () => {
  const parsed: number[] = []
  const rows = parseEach(['1', 'x', '', '2'], (row) => {
    if (row === 'x') throw new Error('odd row')
    return row === '' ? undefined : Number(row)
  })
  assert.throws(() => collectEach(rows, (n) => void parsed.push(n)), /odd row/)
  assert.deepEqual(parsed, [1, 2])
})

test('with warn, every failure becomes a warning', () => {
  const warnings: string[] = []
  collectEach([new Error('a'), new NoData('b')], fail, (text) => warnings.push(text))
  assert.deepEqual(warnings, ['a', 'b'])
})

test('requireDir and requireValue throw NoData for a missing directory or value', () => {
  const sys = new Dir(textFiles({ 'class/nvme/nvme0/model': 'x' }), '')
  assert.equal(requireDir(sys.at('class/nvme')).name, 'nvme')
  assert.throws(() => requireDir(sys.at('class/fc_host')), NoData)
  const refused = new Dir(textFiles({ 'class/net': { error: 'EACCES' } }), '')
  assert.deepEqual(refused.at('class/net').children(), [])
  assert.throws(() => requireDir(refused.at('class/net')).children(), /EACCES/)
  assert.equal(requireValue(0, 'zero'), 0)
  assert.throws(() => requireValue(undefined, 'serial'), /no serial/)
})

test('a collector without a description does not compile', () => {
  // @ts-expect-error: `about` is required
  assert.equal(collector({ name: 'undocumented', collect() {} }).about, undefined)
})
