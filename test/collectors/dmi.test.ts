import assert from 'node:assert/strict'
import { test } from 'node:test'
import dmi from '../../src/collectors/dmi.ts'
import { collect, collectAll, collecting } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const id = (tree: Parameters<typeof under>[1]) => ({ sys: under('class/dmi/id', tree) })

test('the labels are the readable files', async () => {
  const given = id({
    bios_vendor: ' LENOVO\n',
    sys_vendor: 'Dell Inc.\n',
    product_name: '\n',
    product_serial: { error: 'EACCES' },
    board_name: { error: 'EIO' },
    chassis_type: '10\n',
    modalias: 'dmi:x\n',
    uevent: 'MODALIAS=x\n',
  })
  assert.deepEqual(await collect(dmi, given), [
    'node_dmi_info{bios_vendor="LENOVO",product_name="",system_vendor="Dell Inc."} 1',
  ])
})

test('long texts are truncated, and invalid UTF-8 is replaced', async () => {
  const given = id({ board_name: 'x'.repeat(200), bios_vendor: Uint8Array.of(0x41, 0xff, 0xc0, 0x42) })
  assert.deepEqual(await collect(dmi, given), [
    `node_dmi_info{bios_vendor="A\uFFFDB",board_name="${'x'.repeat(128)}"} 1`,
  ])
})

test('the files are read once', async () => {
  const run = collecting(dmi, id({ board_name: 'first' }))
  await run()
  assert.deepEqual((await run(id({ board_name: 'second' }))).lines, ['node_dmi_info{board_name="first"} 1'])
})

test('a machine without DMI gives no data', async () => {
  const { success, logged } = await collectAll(dmi)
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})

test('the absence of DMI is checked once', async () => {
  const run = collecting(dmi, {})
  await run()
  assert.equal((await run(id({ board_name: 'late' }))).success, false)
})
