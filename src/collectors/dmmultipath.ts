import { collectEach, collector, collectParts, requireDir, requireValue } from '../collector.ts'
import { sectors } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const device = ['device', 'sysfs_name'] as const
const info = gauge('node_dmmultipath_device_info', 'A multipath device; always 1.', [...device, 'uuid'])
const active = gauge('node_dmmultipath_device_active', 'Whether the device is not suspended.', device)
const size = gauge('node_dmmultipath_device_size_bytes', 'Size of the device.', device)
const paths = gauge('node_dmmultipath_device_paths', 'Paths of the device.', device)
const pathsActive = gauge('node_dmmultipath_device_paths_active', 'Paths of the device that work.', device)
const pathsFailed = gauge('node_dmmultipath_device_paths_failed', 'Paths of the device that do not work.', device)
const pathState = gauge('node_dmmultipath_path_state', 'The state that a path is in; always 1.', [
  'device',
  'path',
  'state',
])

/** States of a working SCSI disk and a working NVMe controller. */
const healthy = ['running', 'live']

/** Documentation/ABI/testing/sysfs-block-dm; the UUID of a multipath device begins with `mpath-`. */
export default collector({
  name: 'dmmultipath',
  about: 'Reports the size, state and paths of multipath devices. Reads /sys/block/dm-*.',
  collect({ sys, emit }) {
    const block = requireDir(sys.at('block'))
    collectEach(block.children('dm-'), (dm) => {
      const uuid = dm.text('dm/uuid')
      if (!uuid?.startsWith('mpath-')) return
      const must = (file: string) => requireValue(dm.number(file), `${dm.name}/${file}`)
      const name = requireValue(dm.text('dm/name'), `${dm.name}/dm/name`)
      const labels = { device: name, sysfs_name: dm.name }
      const collectPaths = () => {
        const found: string[] = []
        // Throws if the state of a path is not known: the counts would be wrong.
        collectEach(dm.at('slaves').children(), ({ name: path }) => {
          const state = requireValue(block.text(`${path}/device/state`), `${path}/device/state`)
          emit(pathState, 1, { device: name, path, state })
          found.push(state)
        })
        const healthyCount = found.filter((state) => healthy.includes(state)).length
        emit(paths, found.length, labels)
        emit(pathsActive, healthyCount, labels)
        emit(pathsFailed, found.length - healthyCount, labels)
      }
      collectParts(
        () => emit(info, 1, { ...labels, uuid }),
        () => emit(active, must('dm/suspended') === 1 ? 0 : 1, labels),
        () => emit(size, sectors(must('size')), labels),
        collectPaths,
      )
    })
  },
})
