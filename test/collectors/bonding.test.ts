import assert from 'node:assert/strict'
import { test } from 'node:test'
import bonding from '../../src/collectors/bonding.ts'
import { collect, collectAll } from '../support/collect.ts'

const sys = {
  'class/net/bonding_masters': 'bond0 dmz\n',
  'class/net/bond0/bonding/slaves': 'eth0 eth1\n',
  'class/net/bond0/lower_eth0/bonding_slave/mii_status': 'up\n',
  'class/net/bond0/slave_eth1/bonding_slave/mii_status': 'down\n',
  'class/net/dmz/bonding/slaves': '\n',
}

test('it counts the interfaces of a bond and those with an active link; old kernels name them slaves', async () => {
  assert.deepEqual(await collect(bonding, { sys }), [
    'node_bonding_active{master="bond0"} 1',
    'node_bonding_active{master="dmz"} 0',
    'node_bonding_slaves{master="bond0"} 2',
    'node_bonding_slaves{master="dmz"} 0',
  ])
})

test('it reads all bonds, even if their names exceed 128 bytes', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `bond${i}`)
  const many = Object.fromEntries(names.map((name) => [`class/net/${name}/bonding/slaves`, '\n']))
  const lines = await collect(bonding, { sys: { 'class/net/bonding_masters': names.join(' '), ...many } })
  assert.equal(lines.length, 80)
})

test('a bond that disappears during the read is no data and does not hide the others', async () => {
  const { 'class/net/bond0/slave_eth1/bonding_slave/mii_status': _, ...rest } = sys
  const { lines, success, logged } = await collectAll(bonding, { sys: rest })
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
  assert.deepEqual(lines, ['node_bonding_active{master="dmz"} 0', 'node_bonding_slaves{master="dmz"} 0'])
})

test('a host without bonding gives no data', async () => {
  assert.equal((await collectAll(bonding)).success, false)
})
