import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wantsGzip } from '../../src/web/metrics-page.ts'

/** The answers of node_exporter 1.12.1. */
const cases = [
  ['', false],
  ['gzip', true],
  ['gzip;q=0', false],
  ['gzip;q=0.001', true],
  ['gzip ; q=0.5', true],
  ['br, gzip;q=0.9', true],
  ['gzip, deflate, br, zstd', true],
  ['identity;q=0.5, gzip', true],
  ['gzip;q=0.5, *;q=0.1', true],
  ['*', false],
  ['gzip, identity', false],
  ['gzip;q=0.5, identity', false],
  ['x-gzip', false],
  ['deflate', false],
  ['zstd', false],
  ['gzip;q=abc', false],
  ['identity;q=0, *;q=0', false],
  [',,;q=1, =;', false],
] as const

for (const [header, wanted] of cases) {
  test(`Accept-Encoding: ${header} ${wanted ? 'gets gzip' : 'gets no compression'}`, () => {
    assert.equal(wantsGzip(header), wanted)
  })
}

test('names of content codings are case-insensitive', () => {
  assert.equal(wantsGzip('GZIP'), true)
})
