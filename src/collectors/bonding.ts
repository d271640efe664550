import { collectEach, collector, requireValue } from '../collector.ts'
import { type Dir, fields } from '../host/index.ts'

import { gauge } from '../metrics/index.ts'

const slaves = gauge('node_bonding_slaves', 'Interfaces in the bond.', ['master'])
const active = gauge('node_bonding_active', 'Interfaces in the bond with an active link.', ['master'])

/** https://docs.kernel.org/networking/bonding.html */
export default collector({
  name: 'bonding',
  about: 'Counts the interfaces of each bond and those with an active link. Reads /sys/class/net/*/bonding.',
  collect({ sys, emit }) {
    const net = sys.at('class/net')
    const masters = fields(requireValue(net.readIfAny('bonding_masters'), 'bonding'))
    collectEach(masters, (master) => {
      const bond = net.at(master)
      const names = fields(requireValue(bond.readIfAny('bonding/slaves'), `${master}/bonding/slaves`))
      const up = names.filter((name) => linkOf(bond, name) === 'up')
      emit(slaves, names.length, { master })
      emit(active, up.length, { master })
    })
  },
})

/** Link state of a slave. Linux before 3.14 named the directory `slave_NAME`, not `lower_NAME`. */
function linkOf(bond: Dir, slave: string): string {
  const status = (kind: string) => bond.text(`${kind}_${slave}/bonding_slave/mii_status`)
  return requireValue(status('lower') ?? status('slave'), `mii_status of ${slave}`)
}
