import { collectEach, collector } from '../collector.ts'
import { gauge } from '../metrics/index.ts'

const attributes = {
  entropy_avail: gauge('node_entropy_available_bits', 'Entropy in the pool of the random number generator, in bits.'),
  poolsize: gauge('node_entropy_pool_size_bits', 'Size of the pool of the random number generator, in bits.'),
}

/** https://docs.kernel.org/admin-guide/sysctl/kernel.html#random */
export default collector({
  name: 'entropy',
  about:
    'Reports the available entropy and the pool size of the random number generator. Reads /proc/sys/kernel/random.',
  collect({ proc, emit }) {
    collectEach(Object.entries(attributes), ([file, family]) => {
      const value = proc.number(`sys/kernel/random/${file}`)
      if (value === undefined) throw new Error(`entropy: ${file} is missing`)
      emit(family, value)
    })
  },
})
