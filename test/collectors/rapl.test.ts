import assert from 'node:assert/strict'
import { test } from 'node:test'
import rapl, { parseZone } from '../../src/collectors/rapl.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const zone = (dir: string, name: string, energy: Parameters<typeof under>[1][string] = '1000000\n') =>
  under(`class/powercap/${dir}`, { name: `${name}\n`, energy_uj: energy })

test('a zone is a family; the index is its number, or zones with the same name are numbered', async () => {
  const sys = {
    'class/powercap/intel-rapl/enabled': '1\n',
    ...zone('intel-rapl:0', 'package-0', '240422366267\n'),
    ...zone('intel-rapl:0:0', 'core', '118821284256\n'),
    ...zone('intel-rapl:1', 'package-1'),
    ...zone('intel-rapl:1:0', 'core'),
    ...zone('intel-rapl:2', 'package-0-die-1'),
    ...zone('other', 'a-_b'),
  }
  assert.deepEqual(await collect(rapl, { sys }), [
    'node_rapl_a_b_joules_total{index="0",path="/class/powercap/other"} 1',
    'node_rapl_core_joules_total{index="0",path="/class/powercap/intel-rapl:0:0"} 118821.284256',
    'node_rapl_core_joules_total{index="1",path="/class/powercap/intel-rapl:1:0"} 1',
    'node_rapl_package_0_die_1_joules_total{index="0",path="/class/powercap/intel-rapl:2"} 1',
    'node_rapl_package_joules_total{index="0",path="/class/powercap/intel-rapl:0"} 240422.366267',
    'node_rapl_package_joules_total{index="1",path="/class/powercap/intel-rapl:1"} 1',
  ])
})

test('the numbering continues after the number in a name', async () => {
  const sys = { ...zone('a:0', 'foo-3'), ...zone('a:1', 'foo'), ...zone('a:2', 'foo') }
  const indexes = (await collect(rapl, { sys })).map((line) => /index="(\d+)"/.exec(line)?.[1])
  assert.deepEqual(indexes, ['3', '4', '5'])
})

test('with the zone as a label there is one family', async () => {
  const sys = { ...zone('a:0', 'package-0'), ...zone('a:1', 'Foo Bar-x') }
  assert.deepEqual(await collect(rapl, { sys, options: { 'enable-zone-label': true } }), [
    'node_rapl_joules_total{index="0",path="/class/powercap/a:0",rapl_zone="package"} 1',
    'node_rapl_joules_total{index="0",path="/class/powercap/a:1",rapl_zone="Foo Bar-x"} 1',
  ])
})

test('energy that only root may read is no data', async () => {
  const { lines, success, logged } = await collectAll(rapl, { sys: zone('a:0', 'package-0', { error: 'EACCES' }) })
  assert.deepEqual([lines, success], [[], false])
  assert.match(logged.join(), /^debug/)
})

test('an invalid zone is a failure and does not hide the others', async () => {
  const { lines, success } = await collectAll(rapl, { sys: { ...zone('a:0', 'core', 'x'), ...zone('a:1', 'dram') } })
  assert.equal(success, false)
  assert.deepEqual(lines, ['node_rapl_dram_joules_total{index="0",path="/class/powercap/a:1"} 1'])
})

test('a host without the class directory gives no data', async () => {
  assert.equal((await collectAll(rapl)).success, false)
})

test('only a name with one dash has a number', () => {
  assert.deepEqual(parseZone('core-007'), ['core', 7])
  assert.deepEqual(parseZone('a-b-3'), ['a-b-3', undefined])
  assert.deepEqual(parseZone('core-12x'), ['core-12x', undefined])
})
