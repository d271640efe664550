import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createLoader } from '../src/bundle-loader.ts'

function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'bundle-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

const files = {
  'main.cjs':
    "exports.sum = () => 1 + loadBundled('part').one()\nexports.own = [__filename, require('node:path').sep]\n",
  'part.cjs': 'let calls = 0\nmodule.exports = { one: () => ++calls }',
}

interface Main {
  readonly sum: () => number
  readonly own: readonly string[]
}

test('files of a bundle load each other, each file once', (t) => {
  const folder = folderOf(t, files)
  const main = createLoader(folder).load('main') as Main
  assert.deepEqual([main.sum(), main.sum()], [2, 3])
  assert.deepEqual(main.own, [join(folder, 'main.cjs'), '/'])
})

test('a run uses the code cache of the previous run, unless it is truncated', (t) => {
  const folder = folderOf(t, files)
  const loader = createLoader(folder)
  assert.equal((loader.load('main') as Main).sum(), 2)
  loader.keep()
  const caches = readdirSync(folder).filter((name) => name.endsWith('.cache'))
  assert.deepEqual(
    caches.sort(),
    ['main', 'part'].map((name) => `${name}.${process.version}-${process.arch}.cache`),
  )
  assert.equal((createLoader(folder).load('main') as Main).sum(), 2)
  for (const size of [readFileSync(join(folder, caches[0] as string)).length >> 1, 10, 0]) {
    truncateSync(join(folder, caches[0] as string), size)
    assert.equal((createLoader(folder).load('main') as Main).sum(), 2)
  }
})

test('a missing file is an error with its name', (t) => {
  assert.throws(() => createLoader(folderOf(t, {})).load('main'), /main\.cjs/)
})
