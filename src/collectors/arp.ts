import { boolean, type Context, collector, pattern } from '../collector.ts'
import { fields, lines, NoKernel } from '../host/index.ts'

import { filterOf, gauge } from '../metrics/index.ts'

const entries = gauge('node_arp_entries', 'Neighbours known on the interface.', ['device'])

/** https://docs.kernel.org/networking/ip-sysctl.html, proc(5) on /proc/net/arp */
export default collector({
  name: 'arp',
  about: 'Counts the known IPv4 neighbours of each interface. Reads them by netlink, or from /proc/net/arp.',
  options: {
    'device-include': pattern('', 'Interfaces to collect.'),
    'device-exclude': pattern('', 'Interfaces to exclude.'),
    netlink: boolean(true, 'Read by netlink instead of /proc/net/arp, which lacks entries without a state.'),
  },
  state: (options) => filterOf(options['device-include'], options['device-exclude']),
  async collect(context) {
    const { emit, interfaces, state: isIncluded } = context
    const counts = new Map<string, number>()
    for (const device of context.options.netlink ? await byNetlink(context) : byFile(context))
      if (interfaces(device) && isIncluded(device)) counts.set(device, (counts.get(device) ?? 0) + 1)
    for (const [device, count] of counts) emit(entries, count, { device })
  },
})

/** NUD_NOARP: an address that needs no ARP request, such as a broadcast address. */
const noArp = 0x40

type Sources = Pick<Context, 'kernel' | 'proc' | 'warn'>

/** The device of each neighbour. */
async function byNetlink(context: Sources): Promise<readonly string[]> {
  try {
    const all = await context.kernel.neighbours()
    return all.filter(({ state }) => (state & noArp) === 0).map(({ device }) => device)
  } catch (error) {
    if (!(error instanceof NoKernel)) throw error
    context.warn(`/proc/net/arp is read instead: ${error.message}`)
    return byFile(context)
  }
}

const byFile = ({ proc }: Sources): readonly string[] => proc.once('net/arp', parseArp)

/** Words in the header: `IP address  HW type  Flags  HW address  Mask  Device`. */
const headerWords = 9

/** The device of each neighbour: the last of six columns. */
export function parseArp(text: string): string[] {
  return lines(text)
    .map(fields)
    .filter(({ length }) => length !== 0 && length !== headerWords)
    .map((columns) => {
      const [device] = columns.slice(5)
      if (device === undefined || columns.length !== 6)
        throw new Error(`net/arp: ${JSON.stringify(columns.join(' '))} has ${columns.length} columns, not 6`)
      return device
    })
}
