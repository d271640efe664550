import { collectEach, collector, collectParts, requireDir } from '../collector.ts'
import { type Dir, fields, lines } from '../host/index.ts'

import { familyOf, gauge, untyped } from '../metrics/index.ts'

/** Statistics of all pools together, by file. */
const files = [
  ['abdstats', 'abd'],
  ['arcstats', 'arc'],
  ['dbufstats', 'dbuf'],
  ['dmu_tx', 'dmu_tx'],
  ['dnodestats', 'dnode'],
  ['fm', 'fm'],
  ['vdev_cache_stats', 'vdev_cache'],
  ['vdev_mirror_stats', 'vdev_mirror'],
  ['xuio_stats', 'xuio'],
  ['zfetchstats', 'zfetch'],
  ['zil', 'zil'],
] as const

const statistic = familyOf((name) => untyped(`node_zfs_${name}`, `Statistic ${name} of OpenZFS.`))
const io = familyOf((name) => untyped(`node_zfs_zpool_${name}`, `Column ${name} of the pool's io.`, ['zpool']))
const dataset = familyOf((name) =>
  untyped(`node_zfs_zpool_dataset_${name}`, `Row ${name} of the dataset's objset.`, ['dataset', 'zpool']),
)
const state = gauge('node_zfs_zpool_state', 'Whether the pool is in this state: 1 or 0.', ['state', 'zpool'])
const states = ['online', 'degraded', 'faulted', 'offline', 'removed', 'unavail', 'suspended']

/** https://openzfs.github.io/openzfs-docs/man/master/4/spl.4.html, kstats in /proc/spl/kstat */
export default collector({
  name: 'zfs',
  about: 'Reports statistics of ZFS caches, pools and datasets. Reads /proc/spl/kstat/zfs.',
  collect({ proc, emit }) {
    const zfs = requireDir(proc.at('spl/kstat/zfs'))
    const pool = (zpool: Dir) => {
      const labels = { zpool: zpool.name }
      const inState = () => {
        const now = zpool.text('state')?.toLowerCase()
        if (now !== undefined) for (const one of states) emit(state, one === now ? 1 : 0, { ...labels, state: one })
      }
      const transfers = () => {
        const columns = zpool.readIfAny('io')
        if (columns !== undefined) for (const [name, value] of parseKstatIo(columns)) emit(io(name), value, labels)
      }
      const objsets = zpool.children('objset-').map((objset) => () => {
        const rows = parseKstat(objset.read(''))
        for (const [name, value] of rows.values) emit(dataset(name), value, { ...labels, dataset: rows.name })
      })
      collectParts(inState, transfers, ...objsets)
    }
    collectEach(
      [
        ...files.map(([file, subject]) => () => {
          const text = zfs.readIfAny(file)
          if (text === undefined) return
          for (const [name, value] of parseKstat(text).values) emit(statistic(`${subject}_${name}`), value)
        }),
        ...zfs.children('', 'directories').map((one) => () => pool(one)),
      ],
      (collect) => collect(),
    )
  },
})

interface Kstat {
  /** The row `dataset_name`, which may contain blanks; empty if there is none. */
  readonly name: string
  readonly values: readonly (readonly [name: string, value: number])[]
}

/** Rows `name type data` after a header; values are of type 3 (int64) or 4 (uint64). */
export function parseKstat(text: string): Kstat {
  const rows = lines(text)
  const header = rows.findIndex((row) => fields(row).join(' ') === 'name type data')
  if (header < 0) throw new Error(`kstat: ${JSON.stringify(text.slice(0, 80))} has no line "name type data"`)
  let name = ''
  const values: [string, number][] = []
  for (const row of rows.slice(header + 1)) {
    const [, key = '', type, data = ''] = /^(\S+)\s+(\d+)\s+(.*?)\s*$/.exec(row) ?? []
    if (key === 'dataset_name') name = row.replace(/^\S+\s+\d+\s+/, '')
    else if (type === '3' || type === '4') values.push([key.replace(/\W/g, '_'), numberIn(data, row)])
  }
  return { name, values }
}

/** A line of column names and a line of values, after the header of every kstat. */
export function parseKstatIo(text: string): [name: string, value: number][] {
  const [, names = '', values = ''] = lines(text)
  const data = fields(values)
  const columns = fields(names)
  if (columns.length === 0 || columns.length !== data.length)
    throw new Error(`kstat: ${JSON.stringify(text.slice(0, 80))} is not a table of one row`)
  return columns.map((name, i) => [name.replace(/\W/g, '_'), numberIn(data[i] ?? '', values)])
}

function numberIn(text: string, row: string): number {
  if (!/^-?\d+$/.test(text)) throw new Error(`kstat: no number in ${JSON.stringify(row.slice(0, 80))}`)
  return Number(text)
}
