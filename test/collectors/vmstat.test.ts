import assert from 'node:assert/strict'
import { test } from 'node:test'
import vmstat from '../../src/collectors/vmstat.ts'
import { collect, collectAll } from '../support/collect.ts'

const given = (text: string) => ({ proc: { vmstat: text } })

test('the default pattern selects few fields', async () => {
  const text =
    'nr_free_pages 977769\npgpgin 7344136\npswpout 1\npgfault 2320168\npgmajfault 507162\noom_kill 0\npgsteal 3\n'
  assert.deepEqual(await collect(vmstat, given(text)), [
    'node_vmstat_oom_kill 0',
    'node_vmstat_pgfault 2.320168e+06',
    'node_vmstat_pgmajfault 507162',
    'node_vmstat_pgpgin 7.344136e+06',
    'node_vmstat_pswpout 1',
  ])
})

test('a configured pattern replaces the default', async () => {
  const options = { fields: 'nr_' }
  assert.deepEqual(await collect(vmstat, { ...given('nr_dirty 5\npgfault 1\nallocstall_nr_x 2'), options }), [
    'node_vmstat_allocstall_nr_x 2',
    'node_vmstat_nr_dirty 5',
  ])
})

test('lines without a value are skipped, an invalid value of a selected field is a failure', async () => {
  assert.deepEqual(await collect(vmstat, given('pgpgin\n\npgfault 1\n')), ['node_vmstat_pgfault 1'])
  assert.deepEqual(await collect(vmstat, given('')), [])
  const { lines, logged } = await collectAll(vmstat, given('nr_free x\npgpgin 1\npgfault x\n'))
  assert.deepEqual(lines, ['node_vmstat_pgpgin 1'])
  assert.match(String(logged), /vmstat: pgfault: \\"x\\" is not a number/)
})

test('a missing file is a failure', async () => {
  assert.match(String((await collectAll(vmstat, {})).logged), /failed.*ENOENT/)
})
