import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../support/servers.ts'

const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8')

test('every file that docs/architecture.md names exists', () => {
  const paths = [...page.matchAll(/`((?:src|test|docs)\/[\w./-]+)`/g)].map(([, path = '']) => path)
  const real = paths.filter((path) => !path.includes('NAME'))
  assert.ok(real.length >= 25)
  assert.deepEqual(
    real.filter((path) => !existsSync(join(root, path))),
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
