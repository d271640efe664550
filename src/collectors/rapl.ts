import { boolean, collectEach, collector, requireDir, requireValue } from '../collector.ts'
import { micro } from '../host/index.ts'
import { familyOf, undatedCounter } from '../metrics/index.ts'

const labelled = undatedCounter('node_rapl_joules_total', 'Energy that the zone has used, in joules.', [
  'index',
  'path',
  'rapl_zone',
])
const ofZone = familyOf((zone) =>
  undatedCounter(`node_rapl_${zone}_joules_total`, `Energy that zone ${zone} has used, in joules.`, ['index', 'path']),
)

/** https://docs.kernel.org/power/powercap/powercap.html */
export default collector({
  name: 'rapl',
  about: 'Reports the energy used by each power zone of the CPUs. Reads /sys/class/powercap.',
  hardware: ['class/powercap/*/energy_uj'],
  options: {
    'enable-zone-label': boolean(
      false,
      'Report one family with the zone as a label instead of one family for each zone.',
    ),
  },
  collect({ sys, emit, options }) {
    const nextIndex = new Map<string, number>()
    let unnamed = 0
    collectEach(requireDir(sys.at('class/powercap')).children(), (zone) => {
      unnamed++
      const name = zone.text('name')
      unnamed--
      if (name === undefined) return // a control type, the parent of zones
      const [zoneName, own] = parseZone(name)
      // A zone with an unreadable name may have the same name: then the index of this one is not known.
      if (own === undefined && unnamed > 0) throw new Error(`rapl: the index of ${zone.name} is unknown`)
      const index = own ?? nextIndex.get(zoneName) ?? 0
      nextIndex.set(zoneName, index + 1)
      const joules = micro(requireValue(zone.number('energy_uj'), 'energy_uj that this user may read'))
      const labels = { index: String(index), path: zone.path }
      if (options['enable-zone-label']) emit(labelled, joules, { ...labels, rapl_zone: zoneName })
      else emit(ofZone(zoneName.replace(/_*\W+_*/g, '_')), joules, labels)
    })
  },
})

/** `package-1` is zone `package`, index 1; `core` and `package-0-die-1` have no index. */
export function parseZone(name: string): [zone: string, index: number | undefined] {
  const [, zone, index] = /^([^-]*)-(\d+)$/.exec(name) ?? []
  return zone === undefined ? [name, undefined] : [zone, Number(index)]
}
