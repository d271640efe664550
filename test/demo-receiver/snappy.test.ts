import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compress } from 'snappyjs'
import { uncompressSnappy } from '../../src/demo-receiver/snappy.ts'

const limit = 2 ** 20

test('uncompressing returns the bytes that snappyjs compressed', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 70 }), fc.integer({ min: 1, max: 3000 }))
      .map(([part, times]) => Buffer.concat(Array.from({ length: times }, () => part))),
  )
  fc.assert(
    fc.property(bytes, (one) => {
      assert.deepEqual(uncompressSnappy(compress(Buffer.from(one)), limit), Buffer.from(one))
    }),
  )
})

test('a block with each kind of element is uncompressed', () => {
  // "abcd", then copies: 4 bytes from 4 back with an 11-bit offset, 3 with a 16-bit, 2 with a 32-bit one
  const block = Buffer.from([13, 3 << 2, 0x61, 0x62, 0x63, 0x64, 1, 4, (2 << 2) | 2, 4, 0, (1 << 2) | 3, 4, 0, 0, 0])
  assert.equal(uncompressSnappy(block, limit)?.toString(), 'abcdabcdabcda')
})

test('a block that declares more than the limit is not uncompressed', () => {
  assert.equal(uncompressSnappy(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]), limit), undefined)
})

const invalid: readonly [title: string, bytes: readonly number[]][] = [
  ['no bytes', []],
  ['an unterminated length', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80]],
  ['fewer bytes than declared', [9, 3 << 2, 0x61, 0x62, 0x63, 0x64]],
  ['more bytes than declared', [3, 3 << 2, 0x61, 0x62, 0x63, 0x64]],
  ['a truncated literal', [4, 3 << 2, 0x61]],
  ['a copy from before the start', [8, 3 << 2, 0x61, 0x62, 0x63, 0x64, 1, 5]],
  ['a copy without its offset', [8, 3 << 2, 0x61, 0x62, 0x63, 0x64, 1]],
  ['the framing format', [0xff, 0x06, 0x00, 0x00, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]],
]

for (const [title, bytes] of invalid)
  test(`a block with ${title} is an error`, () =>
    assert.throws(() => uncompressSnappy(Buffer.from(bytes), limit), Error))
