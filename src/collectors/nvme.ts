import { collectEach, collector, collectParts, type Emit, requireDir, requireValue } from '../collector.ts'
import type { Dir } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const info = gauge('node_nvme_info', 'Information about the controller; always 1.', [
  'cntlid',
  'device',
  'firmware_revision',
  'model',
  'serial',
  'state',
])
const namespace = ['device', 'nsid'] as const
const namespaceInfo = gauge('node_nvme_namespace_info', 'Access state of the namespace (ANA); always 1.', [
  'ana_state',
  ...namespace,
])
const capacity = gauge('node_nvme_namespace_capacity_bytes', 'Capacity of the namespace in bytes.', namespace)
const size = gauge('node_nvme_namespace_size_bytes', 'Size of the namespace in bytes.', namespace)
const used = gauge('node_nvme_namespace_used_bytes', 'Bytes of the namespace that are allocated.', namespace)
const block = gauge('node_nvme_namespace_logical_block_size_bytes', 'Size of a logical block in bytes.', namespace)

/** `size` is in units of 512 bytes; it is multiplied by the logical block size nevertheless, as in node_exporter. */
const sizes = [
  ['nuse', [used]],
  ['size', [size, capacity]],
] as const

/** Documentation/ABI/testing/sysfs-nvme, https://docs.kernel.org/block/stat.html */
export default collector({
  name: 'nvme',
  about: 'Reports NVMe controllers, and the size and usage of their namespaces. Reads /sys/class/nvme.',
  hardware: ['class/nvme/nvme*/state', 'class/nvme/nvme*/nvme*/nuse'],
  collect({ sys, emit }) {
    collectEach(requireDir(sys.at('class/nvme')).children(), (controller) => {
      const device = controller.name
      const must = (dir: Dir, file: string) => requireValue(dir.text(file), `${device}/${file}`)
      const collectInfo = () =>
        emit(info, 1, {
          cntlid: must(controller, 'cntlid'),
          device,
          firmware_revision: must(controller, 'firmware_rev'),
          model: must(controller, 'model'),
          serial: must(controller, 'serial'),
          state: must(controller, 'state'),
        })
      const namespaces = controller.children('nvme').map((ns) => () => collectNamespace(ns, device, emit))
      collectParts(collectInfo, ...namespaces)
    })
  },
})

function collectNamespace(ns: Dir, device: string, emit: Emit): void {
  const [, nsid] = /^nvme\d+n(\d+)$/.exec(ns.name) ?? []
  if (nsid === undefined) return // a path of a namespace, or its character device
  const count = (file: string) => requireValue(ns.number(file), `${ns.name}/${file}`)
  const labels = { device, nsid }
  collectParts(
    () => emit(namespaceInfo, 1, { ...labels, ana_state: ns.text('ana_state') ?? 'unknown' }),
    () => {
      const bytes = count('queue/logical_block_size')
      emit(block, bytes, labels)
      collectEach(sizes, ([file, families]) => {
        const blocks = count(file)
        for (const family of families) emit(family, blocks * bytes, labels)
      })
    },
  )
}
