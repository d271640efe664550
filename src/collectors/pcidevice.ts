import { boolean, collectEach, collector, collectParts, requireDir, requireValue, text } from '../collector.ts'
import { type Dir, lines } from '../host/index.ts'

import { gauge } from '../metrics/index.ts'

const place = ['segment', 'bus', 'device', 'function'] as const
const parentPlace = ['parent_segment', 'parent_bus', 'parent_device', 'parent_function'] as const
const ids = ['class_id', 'vendor_id', 'device_id', 'subsystem_vendor_id', 'subsystem_device_id', 'revision'] as const
const names = ['class_name', 'vendor_name', 'device_name', 'subsystem_vendor_name', 'subsystem_device_name'] as const

const infoHelp = 'Information about the device; always 1.'
const info = gauge('node_pcidevice_info', infoHelp, [...place, ...parentPlace, ...ids])
const namedInfo = gauge('node_pcidevice_info', infoHelp, [...place, ...parentPlace, ...ids, ...names])
const powerState = gauge('node_pcidevice_power_state', '1 for the state of power that the device is in, else 0.', [
  ...place,
  'state',
])
const numaNode = gauge('node_pcidevice_numa_node', 'NUMA node of the device.', place)
const states = ['D0', 'D1', 'D2', 'D3cold', 'D3hot', 'error', 'unknown']

const attribute = (file: string, help: string, missing: number, name = file) =>
  [file, gauge(`node_pcidevice_${name}`, help, place), missing] as const

const widths = [
  attribute('current_link_width', 'Lanes of the link in use; -1 if there is no link.', -1),
  attribute('max_link_width', 'Lanes that the link can have; -1 if there is no link.', -1),
  attribute('d3cold_allowed', 'Whether the device may be without power.', 0),
  attribute('sriov_drivers_autoprobe', 'Whether drivers are bound to new virtual functions.', 0),
  attribute('sriov_numvfs', 'Virtual functions that are enabled.', 0),
  attribute('sriov_totalvfs', 'Virtual functions that the device can have.', 0),
  attribute('sriov_vf_total_msix', 'MSI-X vectors for all virtual functions.', 0),
]
const speeds = [
  attribute(
    'current_link_speed',
    'Transfers a second of the link; -1 if unknown.',
    -1,
    'current_link_transfers_per_second',
  ),
  attribute(
    'max_link_speed',
    'Transfers a second that the link can do; -1 if unknown.',
    -1,
    'max_link_transfers_per_second',
  ),
]

/** Where distributions keep https://pci-ids.ucw.cz. */
const idsFiles = ['usr/share/misc/pci.ids', 'usr/share/hwdata/pci.ids']

/** Documentation/ABI/testing/sysfs-bus-pci */
export default collector({
  name: 'pcidevice',
  about: 'Reports PCI devices, their link speed and width, and their power state. Reads /sys/bus/pci/devices.',
  hardware: [
    'bus/pci/devices/*/current_link_speed',
    'bus/pci/devices/*/current_link_width',
    'bus/pci/devices/*/power_state',
  ],
  enabled: false,
  options: {
    names: boolean(false, 'Add the names of devices and their makers.'),
    idsfile: text('', 'The list of names, pci.ids; empty means the list of the distribution.'),
  },
  state: (): { names?: PciNames } => ({}),
  collect({ sys, rootfs, dirAt, emit, options, state, warn }) {
    if (options.names && state.names === undefined) {
      const { idsfile } = options
      const found = idsfile === '' ? idsFiles.map((file) => rootfs.readIfAny(file)) : [dirAt(idsfile).readIfAny('')]
      const list = found.find((one) => one !== undefined)
      if (list === undefined) warn(`no list of PCI names: ${idsfile || idsFiles.join(', ')}`)
      else state.names = parsePciIds(list)
    }
    collectEach(requireDir(sys.at('bus/pci/devices')).children(), (dir) => {
      const labels = requireValue(placeOf(dir.name), `PCI address in ${dir.name}`)
      const id = (file: string) => requireValue(dir.text(file), `${dir.name}/${file}`)
      const collectInfo = () => {
        const identity = {
          ...labels,
          ...parentOf(dir),
          class_id: id('class'),
          vendor_id: id('vendor'),
          device_id: id('device'),
          subsystem_vendor_id: id('subsystem_vendor'),
          subsystem_device_id: id('subsystem_device'),
          revision: id('revision'),
        }
        if (options.names) emit(namedInfo, 1, { ...identity, ...namesOf(identity, state.names) })
        else emit(info, 1, identity)
      }
      const collectNode = () => {
        const node = dir.number('numa_node')
        emit(numaNode, node === -1 ? undefined : node, labels)
      }
      const collectPower = () => {
        const power = dir.text('power_state')
        if (power !== undefined)
          for (const state of states) emit(powerState, state === power ? 1 : 0, { ...labels, state })
      }
      collectParts(
        collectInfo,
        () => collectEach(widths, ([file, family, missing]) => emit(family, dir.number(file) ?? missing, labels)),
        () => collectEach(speeds, ([file, family]) => emit(family, parseSpeed(dir.text(file)), labels)),
        collectNode,
        collectPower,
      )
    })
  },
})

const location = /^([0-9a-f]{4,}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-9a-f])$/i

function placeOf(name: string) {
  const [, segment, bus, device, number] = location.exec(name) ?? []
  if (segment === undefined || bus === undefined || device === undefined || number === undefined) return undefined
  return { segment, bus, device, function: number }
}

/** The link contains the bridges: `…/0000:00:02.1/0000:01:00.0`. A device at the root has no parent. */
function parentOf(dir: Dir) {
  const parent = placeOf(dir.link('')?.split('/').at(-2) ?? '')
  return {
    parent_segment: parent?.segment ?? '*',
    parent_bus: parent?.bus ?? '*',
    parent_device: parent?.device ?? '*',
    parent_function: parent?.function ?? '*',
  }
}

/** `16.0 GT/s PCIe` (before Linux 5.x `8 GT/s`), or `Unknown`. */
export function parseSpeed(text = 'Unknown'): number {
  if (text.startsWith('Unknown')) return -1
  const [, transfers] = /^([\d.]+) GT\/s/.exec(text) ?? []
  if (transfers === undefined) throw new Error(`link speed ${JSON.stringify(text)} is not in GT/s`)
  return Number(transfers) * 1e9
}

type PciNames = ReadonlyMap<string, string>

/**
 * `1022  AMD`, below it a tab and `1634  Renoir`, below that two tabs and `17aa 5095  …`; in the same way classes, `C 06`,
 * their subclasses and interfaces. The key is the path: `1022 1634 17aa 5095`, `C 06 04`.
 */
export function parsePciIds(text: string): PciNames {
  const found = new Map<string, string>()
  let path: readonly string[] = []
  for (const line of lines(text)) {
    const [, tabs = '', id, name] = /^(\t*)((?:C )?[0-9a-f]{2,4}(?: [0-9a-f]{4})?) {2}(.+)$/.exec(line) ?? []
    if (id === undefined || name === undefined) continue
    path = [...path.slice(0, tabs.length), id]
    found.set(path.join(' '), name)
  }
  return found
}

type Ids = { readonly [id in (typeof ids)[number]]: string }

/** Names from pci.ids; an identifier without a name is reported as it is. */
function namesOf(identity: Ids, found: PciNames = new Map()): { [name in (typeof names)[number]]: string } {
  const bare = (id: string) => id.replace(/^0x/, '')
  const [vendor, device] = [bare(identity.vendor_id), bare(identity.device_id)]
  const [maker, model] = [bare(identity.subsystem_vendor_id), bare(identity.subsystem_device_id)]
  const [base, sub, programming] = bare(identity.class_id).match(/../g) ?? []
  const kind = ['C', base, sub, programming]
  return {
    class_name:
      [4, 3, 2].map((depth) => found.get(kind.slice(0, depth).join(' '))).find((name) => name !== undefined) ??
      `Unknown class (${bare(identity.class_id)})`,
    vendor_name: found.get(vendor) ?? vendor,
    device_name: found.get(`${vendor} ${device}`) ?? device,
    subsystem_vendor_name: found.get(maker) ?? maker,
    subsystem_device_name: found.get(`${vendor} ${device} ${maker} ${model}`) ?? model,
  }
}
