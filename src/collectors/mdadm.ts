import { collectEach, collector, requireValue } from '../collector.ts'
import { type Dir, fields, lines } from '../host/index.ts'

import { gauge } from '../metrics/index.ts'

const blocks = gauge('node_md_blocks', 'Blocks of 1 KiB in the array.', ['device'])
const synced = gauge('node_md_blocks_synced', 'Blocks of 1 KiB that are in sync.', ['device'])
const disks = gauge('node_md_disks', 'Disks of the array by state.', ['device', 'state'])
const required = gauge('node_md_disks_required', 'Disks that the array requires.', ['device'])
const state = gauge('node_md_state', '1 for the state that the array is in, else 0.', ['device', 'state'])
const degraded = gauge('node_md_degraded', 'Missing disks of the array.', ['device'])
const raidDisks = gauge('node_md_raid_disks', 'Configured disks of the array.', ['device'])

const states = ['active', 'check', 'inactive', 'recovering', 'resync']
/** States by the activity in /proc/mdstat. `reshaping` is not among the reported states. */
const activities: Readonly<Record<string, string>> = { recovery: 'recovering', reshape: 'reshaping' }
const redundant = /^raid(1|4|5|6|10)$/

/** https://docs.kernel.org/admin-guide/md.html */
export default collector({
  name: 'mdadm',
  about: 'Reports the state, disks and synchronization of software RAID arrays. Reads /proc/mdstat and /sys/block/md*.',
  collect({ proc, sys, emit }) {
    const arrays = arraysIn(requireValue(proc.readIfAny('mdstat'), 'mdstat')).map((text) => () => {
      const { device, ...array } = parseArray(text)
      emit(blocks, array.blocks, { device })
      emit(synced, array.synced, { device })
      emit(required, array.required, { device })
      for (const [kind, count] of Object.entries(array.disks)) emit(disks, count, { device, state: kind })
      for (const one of states) emit(state, one === array.state ? 1 : 0, { device, state: one })
    })
    const inSysfs = () =>
      collectEach(sys.at('block').children('md'), (disk) => {
        const md = disk.at('md')
        if (!md.exists()) return
        const level = requireValue(md.text('level'), `${disk.name}/md/level`)
        emit(raidDisks, raidDisksOf(md, level), { device: disk.name })
        emit(degraded, degradedOf(md, level), { device: disk.name })
      })
    collectEach([...arrays, inSysfs], (part) => part())
  },
})

/** `11 (10)` during a reshape; empty if the array is not assembled. */
function raidDisksOf(md: Dir, level: string): number | undefined {
  const [, count] = /^(\d+)(?: |$)/.exec(requireValue(md.text('raid_disks'), `${md.path}/raid_disks`)) ?? []
  return count === undefined || level === '' || level === 'container' ? undefined : Number(count)
}

/** Only redundant arrays have the file `degraded`. */
function degradedOf(md: Dir, level: string): number {
  return redundant.test(level) ? requireValue(md.number('degraded'), `${md.path}/degraded`) : 0
}

/** The lines of each array: the first begins with its name, the others are indented. */
function arraysIn(mdstat: string): string[][] {
  const arrays: string[][] = []
  for (const line of lines(mdstat)) {
    if (/^\S+ : /.test(line) && !line.startsWith('Personalities')) arrays.push([line])
    else if (/^\s+\S/.test(line)) arrays.at(-1)?.push(line)
  }
  return arrays
}

interface MdArray {
  readonly device: string
  readonly state: string
  readonly blocks: number
  readonly synced: number
  readonly required: number | undefined
  readonly disks: { readonly active: number | undefined; readonly failed: number; readonly spare: number }
}

/**
 *     md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]
 *           195310144 blocks [2/1] [U_]
 *           [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec
 *
 * or, in the last line, `resync=DELAYED`.
 */
export function parseArray([head = '', size = '', ...more]: readonly string[]): MdArray {
  const [device = '', , activity = ''] = fields(head)
  const [count = ''] = fields(size)
  if (!/^\d+$/.test(count)) throw new Error(`mdstat: ${device}: ${JSON.stringify(size)} does not begin with a size`)
  const all = Number(count)
  const [needed, active] = membersOf(head, size, activity)
  const [, doing, how, done] =
    /\b(recovery|resync|reshape|check)\s*=\s*(?:(\w+)$|.*?\((\d+)\/\d+\))/m.exec(more.join('\n')) ?? []
  return {
    device,
    state: doing === undefined ? activity : (activities[doing] ?? doing),
    blocks: all,
    synced: doing === undefined ? all : Number(how === undefined ? done : 0),
    required: needed,
    disks: { active, failed: head.split('(F)').length - 1, spare: head.split('(S)').length - 1 },
  }
}

/** Required and active disks: `[2/1]`, or the number of listed disks for levels without that field. */
function membersOf(head: string, size: string, activity: string): [number | undefined, number | undefined] {
  if (activity === 'inactive') return [0, 0]
  if (/ (raid0|linear) /.test(head)) {
    const listed = head.split('[').length - 1
    return [listed, listed]
  }
  const [, needed, active] = /\[(\d+)\/(\d+)\]/.exec(size) ?? []
  return needed === undefined ? [undefined, undefined] : [Number(needed), Number(active)]
}
