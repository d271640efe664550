import assert from 'node:assert/strict'
import { test } from 'node:test'
import dmi from '../../src/collectors/dmi.ts'
import { collect, collectAll, collecting } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const id = (tree: Parameters<typeof under>[1]) => ({ sys: under('class/dmi/id', tree) })

test('the labels are the files that may be read', async () => {
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

test('a long text is cut, one that is not UTF-8 is mended', async () => {
  const given = id({ board_name: 'x'.repeat(200), bios_vendor: Uint8Array.of(0x41, 0xff, 0xc0, 0x42) })
  assert.deepEqual(await collect(dmi, given), [
    `node_dmi_info{bios_vendor="A\uFFFDB",board_name="${'x'.repeat(128)}"} 1`,
  ])
})

test('it is read once', async () => {
  const run = collecting(dmi, id({ board_name: 'first' }))
  await run()
  assert.deepEqual((await run(id({ board_name: 'second' }))).lines, ['node_dmi_info{board_name="first"} 1'])
})

test('a machine without it has no data', async () => {
  const { success, logged } = await collectAll(dmi)
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})

test('that a machine has none is found out once', async () => {
  const run = collecting(dmi, {})
  await run()
  assert.equal((await run(id({ board_name: 'late' }))).success, false)
})
