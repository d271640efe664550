import assert from 'node:assert/strict'
import { test } from 'node:test'
import subsystems, { stateOf } from '../../src/collectors/nvmesubsystem.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const subsystem = (id: number, more: Parameters<typeof under>[1] = {}) =>
  under(`class/nvme-subsystem/nvme-subsys${id}`, {
    iopolicy: 'numa\n',
    model: 'M\n',
    serial: 'S\n',
    subsysnqn: 'nqn.x\n',
    ...more,
  })

test('paths are the controllers, namespaces the disks', async () => {
  const sys = subsystem(0, {
    ...under('nvme0', { state: 'live\n', transport: 'tcp\n' }),
    ...under('nvme10', { state: 'deleting (no IO)\n', transport: 'fc\n' }),
    'nvme0n1/size': '4\n',
    'nvme0c0n1/size': '4\n',
    'ng0n1/uevent': '\n',
  })
  const lines = await collect(subsystems, { sys })
  const paths = lines.filter((line) => line.includes('path_state'))
  assert.equal(paths.length, 2 * 7)
  assert.deepEqual(
    paths.filter((line) => line.endsWith(' 1')),
    [
      'node_nvmesubsystem_path_state{controller="nvme0",state="live",subsystem="nvme-subsys0",transport="tcp"} 1',
      'node_nvmesubsystem_path_state{controller="nvme10",state="deleting",subsystem="nvme-subsys0",transport="fc"} 1',
    ],
  )
  assert.deepEqual(
    lines.filter((line) => !line.includes('path_state')),
    [
      'node_nvmesubsystem_info{iopolicy="numa",model="M",nqn="nqn.x",serial="S",subsystem="nvme-subsys0"} 1',
      'node_nvmesubsystem_namespace_info{device="nvme0n1",subsystem="nvme-subsys0"} 1',
      'node_nvmesubsystem_paths{subsystem="nvme-subsys0"} 2',
      'node_nvmesubsystem_paths_live{subsystem="nvme-subsys0"} 1',
    ],
  )
})

test('a subsystem without an attribute is no data and does not hide others', async () => {
  const sys = { ...subsystem(0, { serial: { error: 'ENOENT' } }), ...subsystem(1) }
  const { lines, success, logged } = await collectAll(subsystems, { sys })
  assert.equal(success, false)
  assert.match(logged.join(), /^debug.*serial/)
  assert.equal(lines.filter((line) => line.includes('nvme-subsys1')).length, 3)
  assert.ok(!lines.some((line) => line.startsWith('node_nvmesubsystem_info{') && line.includes('nvme-subsys0')))
})

test('it is disabled by default, and a host without the class directory gives no data', async () => {
  assert.equal(subsystems.enabled, false)
  assert.equal((await collectAll(subsystems)).success, false)
})

test('an unlisted state of a newer kernel is unknown', () => {
  assert.equal(stateOf('dreaming'), 'unknown')
  assert.equal(stateOf(''), 'unknown')
})
