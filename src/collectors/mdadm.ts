import { collectEach, collector, collectParts, requireValue } from '../collector.ts'
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
    const inMdstat = () =>
      collectEach(arraysIn(requireValue(proc.readIfAny('mdstat'), 'mdstat')), (text) => {
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
        const attributes = [
          () => emit(raidDisks, raidDisksOf(md, level), { device: disk.name }),
          () => emit(degraded, degradedOf(md, level), { device: disk.name }),
        ]
        collectParts(...attributes)
      })
    collectParts(inMdstat, inSysfs)
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
  /** Undefined if the array has no member: the kernel then prints no size. */
  readonly blocks: number | undefined
  readonly synced: number | undefined
  readonly required: number | undefined
  readonly disks: { readonly active: number | undefined; readonly failed: number; readonly spare: number }
}

/**
 *     md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]
 *           195310144 blocks [2/1] [U_]
 *           [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec
 *           bitmap: 0/1 pages [0KB], 65536KB chunk
 *
 * or, in the third line, `resync=DELAYED`. Without members, the first line has the status too, and there is no size:
 *
 *     md6 : active raid5 super 1.2 level 5, 64k chunk, algorithm 2 [4/0] [____]
 *
 * See md_seq_show in drivers/md/md.c of the kernel.
 */
export function parseArray([head = '', ...more]: readonly string[]): MdArray {
  const [device = '', , activity = ''] = fields(head)
  const [first = ''] = more
  const [, count] = /^\s*(\d+) blocks\b/.exec(first) ?? []
  const members = (head.match(/\S\[\d+\]/g) ?? []).length
  if (count === undefined && members > 0)
    throw new Error(`mdstat: ${device}: ${JSON.stringify(first)} does not begin with a size`)
  const all = count === undefined ? undefined : Number(count)
  const [needed, active] = disksOf(activity, count === undefined ? head : first, / (raid0|linear) /.test(head), members)
  const progress = more.filter((line) => !/^\s*bitmap:/.test(line)).join('\n')
  const [, doing, how, done] =
    /\b(recovery|resync|reshape|check)\s*=\s*(?:(\w+)$|.*?\((\d+)\/\d+\))/m.exec(progress) ?? []
  return {
    device,
    state: doing === undefined ? activity : (activities[doing] ?? doing),
    blocks: all,
    synced: doing === undefined ? all : Number(how === undefined ? done : 0),
    required: needed,
    disks: { active, failed: head.split('(F)').length - 1, spare: head.split('(S)').length - 1 },
  }
}

/** Required and active disks: `[2/1]` in the status, or the number of members for levels without that field. */
function disksOf(activity: string, status: string, countsMembers: boolean, members: number): (number | undefined)[] {
  if (activity === 'inactive') return [0, 0]
  if (countsMembers) return [members, members]
  const [, needed, active] = /\[(\d+)\/(\d+)\]/.exec(status) ?? []
  return needed === undefined ? [undefined, undefined] : [Number(needed), Number(active)]
}
