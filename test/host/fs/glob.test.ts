import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dir } from '../../../src/host/fs/dir.ts'
import { globbed } from '../../../src/host/fs/glob.ts'
import { textFiles } from '../../support/tree.ts'

const files = textFiles({
  'g/a1/x': '',
  'g/a2/sub/x': '',
  'g/b/x': '',
  'g/.c/x': '',
  'g/[d]/x': '',
  'g/Ä/x': '',
  'g/link': { link: 'a1' },
})
const dirAt = (path: string) => new Dir(files, path)

for (const [glob, found] of [
  ['g/a1', ['g/a1']],
  ['./g//a1/', ['g/a1']],
  ['g/a*', ['g/a1', 'g/a2']],
  ['/g/a?', ['/g/a1', '/g/a2']],
  ['g/*/sub', ['g/a2/sub']],
  ['*/b', ['g/b']],
  ['g/[a-b]', ['g/b']],
  ['g/[^a]', ['g/b', 'g/Ä']],
  ['g/?', ['g/b', 'g/Ä']],
  ['g/?c', ['g/.c']],
  ['g/a[0-9]', ['g/a1', 'g/a2']],
  ['g/\\a1', ['g/a1']],
  ['g/\\[d]', ['g/[d]']],
  ['g/[[]d]', ['g/[d]']],
  ['g/lin?', ['g/link']],
  ['g/**/x', ['g/.c/x', 'g/[d]/x', 'g/a1/x', 'g/b/x', 'g/link/x', 'g/Ä/x']],
] as const)
  test(`${glob} finds ${found.join(' ')}`, () => {
    assert.deepEqual(globbed(glob, dirAt), found)
  })

test('a glob without a match, or an invalid one, is returned as it is', () => {
  for (const glob of ['g/none*', 'none/*', 'g/[a', 'g/[]', 'g/[z-a]', 'g/{a1,b}', 'g/a\\'])
    assert.deepEqual(globbed(glob, dirAt), [glob])
})
