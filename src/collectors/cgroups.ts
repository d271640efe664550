import { collector, parseEach } from '../collector.ts'
import { fields, lines, numberOf } from '../host/index.ts'

import { gauge } from '../metrics/index.ts'

const cgroups = gauge('node_cgroups_cgroups', 'Control groups that use a controller.', ['subsys_name'])
const enabled = gauge('node_cgroups_enabled', 'Whether a controller is enabled.', ['subsys_name'])

/** https://man7.org/linux/man-pages/man7/cgroups.7.html: /proc/cgroups describes version 1. */
export default collector({
  name: 'cgroups',
  about: 'Counts the control groups of each cgroup v1 controller. Reads /proc/cgroups.',
  enabled: false,
  collect({ proc, emit }) {
    for (const controller of parseCgroups(proc.read('cgroups'))) {
      const labels = { subsys_name: controller.name }
      emit(cgroups, controller.cgroups, labels)
      emit(enabled, controller.enabled, labels)
    }
  },
})

interface Controller {
  readonly name: string
  readonly cgroups: number
  readonly enabled: number
}

/** Name, hierarchy, number of groups and whether it is enabled. */
export function parseCgroups(text: string): Generator<Controller> {
  return parseEach(lines(text), (line) => {
    if (line.startsWith('#')) return undefined
    const [name = '', , groups = '', on = ''] = fields(line)
    const number = (word: string) => numberOf(word, () => `cgroups: ${name}`)
    return { name, cgroups: number(groups), enabled: number(on) }
  })
}
