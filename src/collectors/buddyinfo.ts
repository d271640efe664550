import { collector, parseEach } from '../collector.ts'
import { fields, lines, numberOf } from '../host/index.ts'

import { gauge } from '../metrics/index.ts'

const blocks = gauge('node_buddyinfo_blocks', 'Free blocks of memory of 2^size pages.', ['node', 'zone', 'size'])

/** https://docs.kernel.org/filesystems/proc.html#kernel-data */
export default collector({
  name: 'buddyinfo',
  about: 'Counts the free memory blocks of each size by zone. Reads /proc/buddyinfo.',
  enabled: false,
  collect({ proc, emit }) {
    for (const { node, zone, counts } of parseBuddyinfo(proc.read('buddyinfo'))) {
      counts.forEach((count, size) => {
        emit(blocks, count, { node, zone, size: String(size) })
      })
    }
  },
})

interface Zone {
  readonly node: string
  readonly zone: string
  readonly counts: readonly number[]
}

/** `Node 0, zone DMA 1 0 1`. All zones have the same number of sizes. */
export function parseBuddyinfo(text: string): Generator<Zone> {
  let sizes: number | undefined
  return parseEach(lines(text), (line) => {
    const [, node, zone, words = ''] = /^Node +(\d+), zone +(\S+)(.*)$/.exec(line) ?? []
    if (node === undefined || zone === undefined)
      throw new Error(`buddyinfo: ${JSON.stringify(line.slice(0, 80))} is not a zone`)
    const counts = fields(words).map((word) => numberOf(word, () => `buddyinfo: ${zone}`))
    sizes ??= counts.length
    if (counts.length !== sizes)
      throw new Error(`buddyinfo: node ${node}, zone ${zone} has ${counts.length} sizes, the first zone ${sizes}`)
    return { node, zone, counts }
  })
}
