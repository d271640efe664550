import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../support/servers.ts'

const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8')

/** The page's least number of paths: a change of the page's form must not make the test empty. */
const pages = { 'docs/architecture.md': 25, 'CONTRIBUTING.md': 30 }

/** Names of what the reader is to add. */
const placeholder = /NAME|FILE|CASE|otlp|pidlimit/

for (const [name, least] of Object.entries(pages))
  test(`every file that ${name} names exists`, () => {
    const text = readFileSync(join(root, name), 'utf8')
    const paths = [...text.matchAll(/(?<![\w./-])(?:src|test|docs|scripts|bench|proto)\/[\w./*-]*[\w*/]/g)].map(String)
    const real = paths.filter((path) => !placeholder.test(path))
    assert.ok(real.length >= least, `${real.length} paths`)
    assert.deepEqual(
      real.filter((path) => globSync(path, { cwd: root }).length === 0),
      [],
    )
  })

test('every step of the sample names something that its file defines or calls', () => {
  const steps = [...page.matchAll(/^\| \d+\. .* \| `(\S+)` \| `(\w+)` \|$/gm)]
  assert.equal(steps.length, 18)
  const wrong = steps.filter(([, file = '', name = '']) => {
    const text = readFileSync(join(root, file), 'utf8')
    return !new RegExp(`\\b${name}\\b`).test(text)
  })
  assert.deepEqual(
    wrong.map(([line]) => line),
    [],
  )
})
