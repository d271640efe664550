import assert from 'node:assert/strict'
import { test } from 'node:test'
import filefd from '../../src/collectors/filefd.ts'
import { collect, collectAll } from '../support/collect.ts'

const given = (text: string) => ({ proc: { 'sys/fs/file-nr': text } })

test('it reports allocated file handles and their maximum', async () => {
  assert.deepEqual(await collect(filefd, given('1024\t0\t1631329\n')), [
    'node_filefd_allocated 1024',
    'node_filefd_maximum 1.631329e+06',
  ])
})

test('the largest maximum is rounded to a float', async () => {
  assert.equal(
    (await collect(filefd, given('1\t0\t9223372036854775807\n')))[1],
    'node_filefd_maximum 9.223372036854776e+18',
  )
})

test('an invalid file is a failure', async () => {
  for (const text of ['', '1 2 3\n', '1\t2\n', '1\t2\tx\n']) {
    const { lines, logged } = await collectAll(filefd, given(text))
    assert.deepEqual(lines, [])
    assert.match(String(logged), /file-nr: .* is not a number/)
  }
  assert.match(String((await collectAll(filefd, {})).logged), /failed.*ENOENT/)
})
