import assert from 'node:assert/strict'
import { test } from 'node:test'
import slabinfo from '../../src/collectors/slabinfo.ts'
import { collect, collectAll } from '../support/collect.ts'

const header =
  'slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables\n'
const slab = (name: string) =>
  `${name}          704    864    256   32    2 : tunables    0    0    0 : slabdata     27     27      0\n`
const given = (text: string, options = {}) => ({ proc: { slabinfo: text }, options })

test('it reports five numbers of a slab', async () => {
  assert.deepEqual(await collect(slabinfo, given(header + slab('tw_sock_TCP'))), [
    'node_slabinfo_active_objects{slab="tw_sock_TCP"} 704',
    'node_slabinfo_object_size_bytes{slab="tw_sock_TCP"} 256',
    'node_slabinfo_objects{slab="tw_sock_TCP"} 864',
    'node_slabinfo_objects_per_slab{slab="tw_sock_TCP"} 32',
    'node_slabinfo_pages_per_slab{slab="tw_sock_TCP"} 2',
  ])
})

test('two patterns select slabs', async () => {
  const text = header + slab('kmalloc-8') + slab('kmalloc-96') + slab('dentry')
  const options = { 'slabs-include': 'kmalloc', 'slabs-exclude': '96$' }
  const lines = await collect(slabinfo, given(text, options))
  assert.deepEqual([lines.length, lines.every((line) => line.includes('kmalloc-8"'))], [5, true])
})

test('an unreadable file, short lines and invalid numbers are failures', async () => {
  const denied = await collectAll(slabinfo, { proc: { slabinfo: { error: 'EACCES' } } })
  assert.match(String(denied.logged), /failed.*EACCES/)
  for (const text of [`${header}a 1 2 3\n`, `${header}a 1 x 3 4 5 : tunables\n`])
    assert.match(String((await collectAll(slabinfo, given(text))).logged), /failed.*slabinfo: /)
})
