import assert from 'node:assert/strict'
import { test } from 'node:test'
import nvme from '../../src/collectors/nvme.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const controller = (name: string, more: Parameters<typeof under>[1] = {}) =>
  under(`class/nvme/${name}`, {
    cntlid: '4\n',
    firmware_rev: 'F1\n',
    model: 'Disk  \n',
    serial: ' S1\n',
    state: 'live\n',
    ...more,
  })
const namespace = { nuse: '10\n', size: '20\n', 'queue/logical_block_size': '4096\n' }

test('it reports a controller and its namespaces; sizes are multiplied by the block size, as in node_exporter', async () => {
  const sys = controller('nvme0', {
    ...under('nvme0n1', { ...namespace, ana_state: 'optimized\n' }),
    ...under('nvme0n12', namespace),
    ...under('nvme0c0n1', namespace),
    ...under('ng0n1', { uevent: '' }),
  })
  const lines = await collect(nvme, { sys })
  assert.equal(lines.length, 1 + 2 * 5)
  assert.equal(
    lines[0],
    'node_nvme_info{cntlid="4",device="nvme0",firmware_revision="F1",model="Disk",serial="S1",state="live"} 1',
  )
  const first = lines.filter((line) => line.includes('nsid="1"'))
  assert.deepEqual(first, [
    'node_nvme_namespace_capacity_bytes{device="nvme0",nsid="1"} 81920',
    'node_nvme_namespace_info{ana_state="optimized",device="nvme0",nsid="1"} 1',
    'node_nvme_namespace_logical_block_size_bytes{device="nvme0",nsid="1"} 4096',
    'node_nvme_namespace_size_bytes{device="nvme0",nsid="1"} 81920',
    'node_nvme_namespace_used_bytes{device="nvme0",nsid="1"} 40960',
  ])
  assert.ok(lines.includes('node_nvme_namespace_info{ana_state="unknown",device="nvme0",nsid="12"} 1'))
})

test('a controller without an attribute is no data and does not hide others', async () => {
  const sys = { ...controller('nvme0', { cntlid: { error: 'ENOENT' } }), ...controller('nvme1') }
  const { lines, success, logged } = await collectAll(nvme, { sys })
  assert.equal(success, false)
  assert.match(logged.join(), /^debug.*cntlid/)
  assert.equal(lines.length, 1)
})

test('an invalid namespace is a failure, not a size of 0', async () => {
  const sys = controller('nvme0', under('nvme0n1', { ...namespace, size: 'x' }))
  const { lines, success } = await collectAll(nvme, { sys })
  assert.equal(success, false)
  assert.deepEqual(
    lines.map((line) => line.replace(/\{.*/, '')),
    [
      'node_nvme_info',
      'node_nvme_namespace_info',
      'node_nvme_namespace_logical_block_size_bytes',
      'node_nvme_namespace_used_bytes',
    ],
  )
})

test('a host without the class directory gives no data', async () => {
  assert.equal((await collectAll(nvme)).success, false)
})
