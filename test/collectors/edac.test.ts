import assert from 'node:assert/strict'
import { test } from 'node:test'
import edac, { dimmLabel } from '../../src/collectors/edac.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const controller = (id: number, more: Parameters<typeof under>[1] = {}) =>
  under(`devices/system/edac/mc/mc${id}`, {
    ce_count: '1\n',
    ce_noinfo_count: '2\n',
    ue_count: '5\n',
    ue_noinfo_count: '6\n',
    ...more,
  })

test('it counts errors by controller, row and channel; errors without a row have the row unknown', async () => {
  const sys = controller(0, {
    'csrow0/ce_count': '3\n',
    'csrow0/ue_count': '4\n',
    'csrow0/ch0_ce_count': '7\n',
    'csrow0/ch0_ue_count': '8\n',
    'csrow0/ch0_dimm_label': 'mc#0csrow#0channel#0\n',
    'csrow0/ch1_ce_count': '9\n',
    'csrow0/ch2_ue_count': '1\n',
  })
  assert.deepEqual(await collect(edac, { sys }), [
    'node_edac_channel_correctable_errors_total{channel="0",controller="0",csrow="0",dimm_label="mc0_csrow0_channel0"} 7',
    'node_edac_channel_correctable_errors_total{channel="1",controller="0",csrow="0",dimm_label="unknown"} 9',
    'node_edac_channel_uncorrectable_errors_total{channel="0",controller="0",csrow="0",dimm_label="mc0_csrow0_channel0"} 8',
    'node_edac_correctable_errors_total{controller="0"} 1',
    'node_edac_csrow_correctable_errors_total{controller="0",csrow="0"} 3',
    'node_edac_csrow_correctable_errors_total{controller="0",csrow="unknown"} 2',
    'node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="0"} 4',
    'node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="unknown"} 6',
    'node_edac_uncorrectable_errors_total{controller="0"} 5',
  ])
})

test('a controller without a count is a failure and does not hide the others', async () => {
  const sys = { 'devices/system/edac/mc/mc0/ce_count': '1\n', ...controller(1) }
  const { lines, success, logged } = await collectAll(edac, { sys })
  assert.equal(success, false)
  assert.match(logged.join(), /^error/)
  assert.equal(lines.filter((line) => line.includes('controller="1"')).length, 4)
})

test('a host without controllers gives no samples and no failure', async () => {
  const { lines, success } = await collectAll(edac)
  assert.deepEqual([lines, success], [[], true])
})

test('an invalid count is a failure; an invalid count of a channel is only left out', async () => {
  assert.equal((await collectAll(edac, { sys: controller(0, { ce_count: '' }) })).success, false)
  const row = { 'csrow0/ce_count': '0', 'csrow0/ue_count': '0', 'csrow0/ch0_ce_count': 'x', 'csrow0/ch0_ue_count': '8' }
  const { lines, success } = await collectAll(edac, { sys: controller(0, row) })
  assert.ok(success)
  assert.deepEqual(
    lines.filter((line) => line.includes('channel')),
    ['node_edac_channel_uncorrectable_errors_total{channel="0",controller="0",csrow="0",dimm_label="unknown"} 8'],
  )
})

test('a label is cleaned; a missing label is unknown', () => {
  assert.equal(dimmLabel('CPU_SrcID#0_Ha#0_Chan#0_DIMM#0'), 'CPU_SrcID0_Ha0_Chan0_DIMM0')
  assert.equal(dimmLabel(undefined), 'unknown')
})
