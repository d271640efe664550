import assert from 'node:assert/strict'
import { test } from 'node:test'
import entropy from '../../src/collectors/entropy.ts'
import { collect, collectAll } from '../support/collect.ts'

const [available, size] = ['sys/kernel/random/entropy_avail', 'sys/kernel/random/poolsize']

test('it reports entropy in bits', async () => {
  assert.deepEqual(await collect(entropy, { proc: { [available]: '1337\n', [size]: '4096\n' } }), [
    'node_entropy_available_bits 1337',
    'node_entropy_pool_size_bits 4096',
  ])
})

test('a missing or invalid file is a failure that names it', async () => {
  assert.match(String((await collectAll(entropy, {})).logged), /failed.*entropy_avail is missing/)
  const { lines, logged } = await collectAll(entropy, { proc: { [available]: '1\n', [size]: 'x\n' } })
  assert.deepEqual(lines, ['node_entropy_available_bits 1'])
  assert.match(String(logged), /poolsize: \\"x\\" is not a number/)
})
