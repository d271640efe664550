import { collectEach, collector, collectParts, NoData, parseEach } from '../collector.ts'
import { fields, lines, numberOf } from '../host/index.ts'

import { familyOf, gauge, undatedCounter } from '../metrics/index.ts'

const info = gauge('node_bcachefs_info', 'A mounted file system; always 1.', ['uuid'])
const cacheSize = gauge('node_bcachefs_btree_cache_size_bytes', 'Memory that caches btree nodes.', ['uuid'])
const compressed = gauge('node_bcachefs_compression_compressed_bytes', 'Size on disk of compressed extents.', [
  'algorithm',
  'uuid',
])
const uncompressed = gauge('node_bcachefs_compression_uncompressed_bytes', 'Size of their content.', [
  'algorithm',
  'uuid',
])
const errors = undatedCounter('node_bcachefs_errors_total', 'Inconsistencies found, by kind.', ['error_type', 'uuid'])
const writes = undatedCounter('node_bcachefs_btree_writes_total', 'Writes of btree nodes, by reason.', ['type', 'uuid'])
const writeSize = gauge('node_bcachefs_btree_write_average_size_bytes', 'Average size of such a write.', [
  'type',
  'uuid',
])
const event = familyOf((name) =>
  undatedCounter(`node_bcachefs_${name}_total`, `Counter ${name} since the file system was made.`, ['uuid']),
)

const deviceInfo = gauge('node_bcachefs_device_info', 'A device of the file system; always 1.', [
  'device',
  'label',
  'state',
  'uuid',
])
const bucketSize = gauge('node_bcachefs_device_bucket_size_bytes', 'Size of a bucket.', ['device', 'uuid'])
const buckets = gauge('node_bcachefs_device_buckets', 'Buckets of the device.', ['device', 'uuid'])
const durability = gauge(
  'node_bcachefs_device_durability',
  'Number of replicas that a copy on this device counts for.',
  ['device', 'uuid'],
)
const ioDone = undatedCounter('node_bcachefs_device_io_done_bytes_total', 'Bytes read and written, by type of data.', [
  'data_type',
  'device',
  'operation',
  'uuid',
])
const ioErrors = undatedCounter('node_bcachefs_device_io_errors_total', 'Failures since the file system was made.', [
  'device',
  'type',
  'uuid',
])

/** https://bcachefs.org/bcachefs-principles-of-operation.pdf, the chapter on sysfs */
export default collector({
  name: 'bcachefs',
  about: 'Reports compression, errors, btree writes and devices of bcachefs file systems. Reads /sys/fs/bcachefs.',
  collect({ sys, emit }) {
    const systems = sys.at('fs/bcachefs').children('', 'directories')
    if (systems.length === 0) throw new NoData('no bcachefs file systems')
    collectEach(systems, (system) => {
      const uuid = system.name
      emit(info, 1, { uuid })
      const file = (name: string) => system.readIfAny(name) ?? ''
      const devices = system.children('dev-').map((device) => () => {
        const labels = { device: device.id, uuid }
        collectParts(
          () => {
            const { label = '', state = '' } = device.texts(['label', 'state'])
            emit(deviceInfo, 1, { ...labels, label, state })
          },
          () => emit(bucketSize, sizeOf(device.text('bucket_size')), labels),
          () => emit(buckets, device.number('nbuckets'), labels),
          () => emit(durability, device.number('durability'), labels),
          () => {
            for (const [operation, data_type, bytes] of parseIoDone(device.readIfAny('io_done') ?? ''))
              emit(ioDone, bytes, { ...labels, operation, data_type })
          },
          () => {
            for (const [type, count] of parseIoErrors(device.readIfAny('io_errors') ?? ''))
              emit(ioErrors, count, { ...labels, type })
          },
        )
      })
      const parts = [
        () => emit(cacheSize, sizeOf(system.text('btree_cache_size')), { uuid }),
        () => {
          for (const [name, small, large] of table(file('compression_stats'), 1, 2)) {
            const algorithm = name.replace(/:$/, '')
            emit(compressed, small, { algorithm, uuid })
            emit(uncompressed, large, { algorithm, uuid })
          }
        },
        () => {
          for (const [error_type, count] of table(file('errors'), 0, 1)) emit(errors, count, { error_type, uuid })
        },
        () => {
          for (const [type, count, size] of table(file('btree_write_stats'), 1, 2)) {
            emit(writes, count, { type: type.replace(/:$/, ''), uuid })
            emit(writeSize, size, { type: type.replace(/:$/, ''), uuid })
          }
        },
        ...system.children('counters').flatMap((counters) =>
          counters.children().map((one) => () => {
            emit(event(one.name.replace(/_*\W+_*/g, '_')), parseCounter(one.read('')), { uuid })
          }),
        ),
        ...devices,
      ]
      collectParts(...parts)
    })
  },
})

/** `48.9G`: powers of 1024 with a rounded number before them. The kernel has already rounded it. */
export function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const [, digits = text, unit = ''] = /^(-?[\d.]+)([kmgtpe]?)$/i.exec(text.trim()) ?? []
  return Math.trunc(numberOf(digits, () => 'bcachefs') * 1024 ** ' kmgtpe'.indexOf(unit.toLowerCase() || ' '))
}

/** Rows with a name and at least `sizes` sizes, after `heads` header lines. */
export function table(text: string, heads: number, sizes: number): Generator<Row> {
  return parseEach(lines(text).slice(heads), (line) => {
    const [name = '', ...columns] = fields(line)
    if (columns.length < sizes) return undefined
    return [name, ...columns.slice(0, sizes).map((column) => sizeOf(column))] as Row
  })
}

type Row = [name: string, first?: number, second?: number]

/** The second line of `since mount: 475G`, `since filesystem creation: 44.5T`. */
export function parseCounter(text: string): number | undefined {
  const [, value] = /^since filesystem creation:\s*(\S+)/m.exec(text) ?? []
  if (value === undefined) throw new Error(`bcachefs: ${JSON.stringify(text.slice(0, 80))} is not a counter`)
  return sizeOf(value)
}

/** Sections `read:` and `write:` with lines such as `user        :102313054208`. */
export function* parseIoDone(text: string): Generator<[operation: string, dataType: string, bytes: number]> {
  let operation = ''
  for (const line of lines(text)) {
    const [, name = '', digits = ''] = /^\s*(\w+)\s*:\s*(\d*)\s*$/.exec(line) ?? []
    if (name !== '' && digits === '') operation = name
    else if (name !== '' && operation !== '') yield [operation, name, Number(digits)]
  }
}

/** Lines such as `read:    197416` of the first section; the second section counts since a reset. */
export function* parseIoErrors(text: string): Generator<[type: string, count: number]> {
  const [, section = ''] = /^IO errors since filesystem creation\n((?:[ \t].*\n?)*)/m.exec(text) ?? []
  for (const [, type = '', count] of section.matchAll(/^\s+(\w+)\s*:\s*(\d+)\s*$/gm)) yield [type, Number(count)]
}
