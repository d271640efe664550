import { collectEach, collector } from '../collector.ts'
import { keyValues, numberOf } from '../host/index.ts'

import { counter, familyOf } from '../metrics/index.ts'

/** XfrmInNoStates becomes in_no_states. */
const packets = familyOf((key) => {
  const name = key
    .replace(/^Xfrm/, '')
    .replace(/\B[A-Z]/g, '_$&')
    .toLowerCase()
  return counter(`node_xfrm_${name}_packets_total`, `Packets of IPsec that failed: ${key} of /proc/net/xfrm_stat.`)
})

/** https://docs.kernel.org/networking/xfrm_proc.html */
export default collector({
  name: 'xfrm',
  about: 'Counts IPsec packets that failed, by reason. Reads /proc/net/xfrm_stat.',
  enabled: false,
  collect({ proc, emit }) {
    collectEach(keyValues(proc.read('net/xfrm_stat')), ([key, value]) => {
      if (!/^Xfrm\w+$/.test(key)) return
      const count = numberOf(value, () => `xfrm_stat: ${key}`)
      emit(packets(key), count)
    })
  },
})
