import assert from 'node:assert/strict'
import { test } from 'node:test'
import pcidevice, { parsePciIds, parseSpeed } from '../../src/collectors/pcidevice.ts'
import { collect, collectAll } from '../support/collect.ts'
import { type Tree, under } from '../support/tree.ts'

const device = (name: string, more: Tree = {}, parent = 'pci0000:00'): Tree => ({
  ...under(`devices/${parent}/${name}`, {
    class: '0x060400\n',
    vendor: '0x1022\n',
    device: '0x1634\n',
    subsystem_vendor: '0x17aa\n',
    subsystem_device: '0x5095\n',
    revision: '0x00\n',
    ...more,
  }),
  [`bus/pci/devices/${name}`]: { link: `../../../devices/${parent}/${name}` },
})
const infoOf = (lines: readonly string[]) => lines.filter((line) => line.startsWith('node_pcidevice_info'))

test('a root device has no parent; a missing link value is -1, other missing values are 0', async () => {
  const at = 'bus="00",device="02",function="1",segment="0000"'
  assert.deepEqual(
    await collect(pcidevice, { sys: device('0000:00:02.1', { numa_node: '-1\n', sriov_totalvfs: '7\n' }) }),
    [
      `node_pcidevice_current_link_transfers_per_second{${at}} -1`,
      `node_pcidevice_current_link_width{${at}} -1`,
      `node_pcidevice_d3cold_allowed{${at}} 0`,
      'node_pcidevice_info{bus="00",class_id="0x060400",device="02",device_id="0x1634",function="1",parent_bus="*",parent_device="*",parent_function="*",parent_segment="*",revision="0x00",segment="0000",subsystem_device_id="0x5095",subsystem_vendor_id="0x17aa",vendor_id="0x1022"} 1',
      `node_pcidevice_max_link_transfers_per_second{${at}} -1`,
      `node_pcidevice_max_link_width{${at}} -1`,
      `node_pcidevice_sriov_drivers_autoprobe{${at}} 0`,
      `node_pcidevice_sriov_numvfs{${at}} 0`,
      `node_pcidevice_sriov_totalvfs{${at}} 7`,
      `node_pcidevice_sriov_vf_total_msix{${at}} 0`,
    ],
  )
})

test('a device behind a bridge names the bridge, also in a segment of five digits', async () => {
  const parent = 'pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0'
  const lines = await collect(pcidevice, {
    sys: device(
      '10000:e1:1f.7',
      { numa_node: '1\n', power_state: 'D3hot\n', max_link_speed: '16.0 GT/s PCIe\n' },
      parent,
    ),
  })
  assert.match(infoOf(lines).join(), /parent_bus="e0",parent_device="06",parent_function="0",parent_segment="10000"/)
  assert.ok(lines.includes('node_pcidevice_numa_node{bus="e1",device="1f",function="7",segment="10000"} 1'))
  assert.ok(lines.some((line) => /max_link_transfers_per_second.* 1.6e\+10$/.test(line)))
  const power = lines.filter((line) => line.startsWith('node_pcidevice_power_state'))
  assert.equal(power.length, 7)
  assert.match(power.filter((line) => line.endsWith(' 1')).join(), /state="D3hot"/)
})

test('names come from pci.ids; an identifier without a name is reported as it is', async () => {
  const ids = `# comment
1022  AMD
\t1634  Renoir
\t\t17aa 5095  Bridge of ours
17aa  Lenovo

C 06  Bridge
\t04  PCI bridge
\t\t00  Normal decode
`
  const sys = {
    ...device('0000:00:02.1'),
    ...device('0000:00:02.2', { class: '0x069901', vendor: '0x8888' }),
    ...device('0000:00:02.3', { class: '0x129901' }),
  }
  const named = async (options: Record<string, unknown>, trees: { elsewhere?: Tree; rootfs?: Tree }) =>
    infoOf(await collect(pcidevice, { sys, options: { names: true, ...options }, ...trees }))
  const lines = await named({}, { rootfs: { 'usr/share/hwdata/pci.ids': ids } })
  assert.match(
    lines[0] ?? '',
    /class_name="Normal decode".*device_name="Renoir".*subsystem_device_name="Bridge of ours".*subsystem_vendor_name="Lenovo".*vendor_name="AMD"/,
  )
  assert.match(lines[1] ?? '', /class_name="Bridge".*device_name="1634".*vendor_name="8888"/)
  assert.match(lines[2] ?? '', /class_name="Unknown class \(129901\)"/)
  assert.deepEqual(await named({ idsfile: '/opt/ids' }, { elsewhere: { 'opt/ids': ids } }), lines)
})

test('without pci.ids the identifiers replace the names, and a warning is logged', async () => {
  const { lines, success, logged } = await collectAll(pcidevice, {
    sys: device('0000:00:02.1'),
    options: { names: true },
  })
  assert.equal(success, true)
  assert.match(infoOf(lines).join(), /class_name="Unknown class \(060400\)".*vendor_name="1022"/)
  assert.match(logged.join(), /no list of PCI names/)
})

test('a device without an identifier is no data and does not hide others; an invalid speed is a failure', async () => {
  const sys = { ...device('0000:00:02.1', { vendor: { error: 'ENOENT' } }), ...device('0000:00:02.2') }
  const { lines, success, logged } = await collectAll(pcidevice, { sys })
  // Only the information of the first device is missing.
  assert.deepEqual([lines.length, success], [19, false])
  assert.match(logged.join(), /^debug/)
  const odd = await collectAll(pcidevice, { sys: device('0000:00:02.1', { max_link_speed: '8.0 MT/s\n' }) })
  assert.match(odd.logged.join(), /^error/)
})

test('it is disabled by default, and a host without PCI gives no data', async () => {
  assert.equal(pcidevice.enabled, false)
  assert.equal((await collectAll(pcidevice)).success, false)
})

test('it parses the speeds of old and new kernels', () => {
  assert.equal(parseSpeed('8.0 GT/s PCIe'), 8e9)
  assert.equal(parseSpeed('2.5 GT/s'), 2.5e9)
  assert.equal(parseSpeed('Unknown speed'), -1)
  assert.equal(parseSpeed(undefined), -1)
  assert.throws(() => parseSpeed('foo'), /not in GT/)
})

test('an invalid pci.ids has no names', () => {
  assert.equal(parsePciIds('\0\0\n\t\t\n1022\n1022 AMD\n').size, 0)
})
