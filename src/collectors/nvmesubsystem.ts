import { collectEach, collector, collectParts, requireDir, requireValue } from '../collector.ts'
import type { Dir } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const info = gauge('node_nvmesubsystem_info', 'Information about the subsystem; always 1.', [
  'iopolicy',
  'model',
  'nqn',
  'serial',
  'subsystem',
])
const namespaceInfo = gauge('node_nvmesubsystem_namespace_info', 'A namespace of the subsystem; always 1.', [
  'device',
  'subsystem',
])
const paths = gauge('node_nvmesubsystem_paths', 'Controllers by which the subsystem is reached.', ['subsystem'])
const live = gauge('node_nvmesubsystem_paths_live', 'Controllers of the subsystem that are live.', ['subsystem'])
const pathState = gauge('node_nvmesubsystem_path_state', '1 for the state that the controller is in, else 0.', [
  'controller',
  'state',
  'subsystem',
  'transport',
])
const states = ['connecting', 'dead', 'deleting', 'live', 'new', 'resetting', 'unknown']

/** https://docs.kernel.org/admin-guide/nvme-multipath.html */
export default collector({
  name: 'nvmesubsystem',
  about: 'Reports NVMe subsystems, their paths and the state of each path. Reads /sys/class/nvme-subsystem.',
  enabled: false,
  collect({ sys, emit }) {
    collectEach(requireDir(sys.at('class/nvme-subsystem')).children('nvme-subsys'), (dir) => {
      const subsystem = dir.name
      const must = (of: Dir, file: string) => requireValue(of.text(file), `${of.name}/${file}`)
      const members = dir.children('nvme')
      for (const { name } of members)
        if (/^nvme\d+n\d+$/.test(name)) emit(namespaceInfo, 1, { device: name, subsystem })
      const collectInfo = () =>
        emit(info, 1, {
          iopolicy: must(dir, 'iopolicy'),
          model: must(dir, 'model'),
          nqn: must(dir, 'subsysnqn'),
          serial: must(dir, 'serial'),
          subsystem,
        })
      const collectPaths = () => {
        const controllers = members.filter(({ name }) => /^nvme\d+$/.test(name))
        emit(paths, controllers.length, { subsystem })
        let liveCount = 0
        collectEach(controllers, (controller) => {
          const labels = { controller: controller.name, subsystem, transport: must(controller, 'transport') }
          const state = stateOf(must(controller, 'state'))
          if (state === 'live') liveCount++
          for (const one of states) emit(pathState, one === state ? 1 : 0, { ...labels, state: one })
        })
        emit(live, liveCount, { subsystem }) // not reached if the state of one cannot be read: the count would be wrong
      }
      collectParts(collectInfo, collectPaths)
    })
  },
})

/** `deleting (no IO)` is `deleting`; a state that is not listed is `unknown`. */
export function stateOf(text: string): string {
  const [word = ''] = text.split(' ')
  return states.includes(word) ? word : 'unknown'
}
