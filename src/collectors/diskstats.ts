import { collectEach, collector, type Emit, parseEach, pattern } from '../collector.ts'
import { fields, lines, numberOf, sectors } from '../host/index.ts'

import { counter, filterOf, gauge } from '../metrics/index.ts'

type Convert = (value: number | undefined) => number | undefined
const unchanged: Convert = (value) => value
/** Multiplied, as in node_exporter: 9653880 ms are 9653.880000000001 s. */
const milli: Convert = (value) => (value === undefined ? undefined : value * 0.001)
const statistic = (name: string, help: string, convert = unchanged) =>
  [counter(`node_disk_${name}_total`, help, ['device']), convert] as const

/** Metrics in the order of the columns. Linux before 4.18 has 11 of them, before 5.5 15. */
const statistics = [
  statistic('reads_completed', 'Reads that ended well.'),
  statistic('reads_merged', 'Reads that were merged with a neighbour.'),
  statistic('read_bytes', 'Bytes that were read.', sectors),
  statistic('read_time_seconds', 'Seconds that reads took, all added up.', milli),
  statistic('writes_completed', 'Writes that ended well.'),
  statistic('writes_merged', 'Writes that were merged with a neighbour.'),
  statistic('written_bytes', 'Bytes that were written.', sectors),
  statistic('write_time_seconds', 'Seconds that writes took, all added up.', milli),
  [gauge('node_disk_io_now', 'Requests that are under way.', ['device']), unchanged] as const,
  statistic('io_time_seconds', 'Seconds in which requests were under way.', milli),
  statistic('io_time_weighted_seconds', 'Seconds in which requests were under way, times their number.', milli),
  statistic('discards_completed', 'Discards that ended well.'),
  statistic('discards_merged', 'Discards that were merged with a neighbour.'),
  statistic('discarded_sectors', 'Sectors of 512 bytes that were discarded.'),
  statistic('discard_time_seconds', 'Seconds that discards took, all added up.', milli),
  statistic('flush_requests', 'Flushes that ended well.'),
  statistic('flush_requests_time_seconds', 'Seconds that flushes took, all added up.', milli),
]
const minColumns = 11

const info = gauge('node_disk_info', 'Information about a disk; always 1.', [
  'device',
  'major',
  'minor',
  'path',
  'wwn',
  'model',
  'serial',
  'revision',
  'rotational',
])
const filesystem = gauge('node_disk_filesystem_info', 'The file system directly on a disk; always 1.', [
  'device',
  'type',
  'usage',
  'uuid',
  'version',
])
const mapper = gauge('node_disk_device_mapper_info', 'Information about a device mapper disk; always 1.', [
  'device',
  'name',
  'uuid',
  'vg_name',
  'lv_name',
  'lv_layer',
])
const ata = {
  ID_ATA_WRITE_CACHE: gauge('node_disk_ata_write_cache', 'Whether a disk has a write cache.', ['device']),
  ID_ATA_WRITE_CACHE_ENABLED: gauge('node_disk_ata_write_cache_enabled', 'Whether the write cache is on.', ['device']),
  ID_ATA_ROTATION_RATE_RPM: gauge(
    'node_disk_ata_rotation_rate_rpm',
    'Rotation rate per minute; 0 for a disk without platters.',
    ['device'],
  ),
}

/** https://docs.kernel.org/admin-guide/iostats.html, and the udev database. */
export default collector({
  name: 'diskstats',
  about:
    'Reports I/O counters and device information of block devices. Reads /proc/diskstats, /sys/block and the udev database.',
  options: {
    'device-exclude': pattern('^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$', 'Disks to exclude.'),
    'device-include': pattern('', 'Disks to report.'),
    'ignored-devices': pattern('', 'Deprecated: use device-exclude.', { hidden: true }),
  },
  state: (options) => {
    const [exclude, old] = [options['device-exclude'], options['ignored-devices']]
    if (!exclude.isDefault && old.source !== '')
      throw new Error('device-exclude and ignored-devices cannot both be set')
    return { isIncluded: filterOf(options['device-include'], old.source === '' ? exclude : old) }
  },
  collect({ proc, sys, udev, emit, state, warn }) {
    collectEach(parseDiskstats(proc.read('diskstats')), ({ device, major, minor, values }) => {
      if (!state.isIncluded(device)) return
      statistics.forEach(([family, convert], i) => {
        emit(family, convert(values[i]), { device })
      })
      const rotational = String(sys.numberIfAny(`block/${device}/queue/rotational`) ?? 0)
      const properties = parseProperties(udev.readIfAny(`b${major}:${minor}`) ?? '')
      emitInfo({ device, major, minor, rotational }, properties, emit)
      if (!properties.get('ID_ATA')) return
      for (const [key, family] of Object.entries(ata)) {
        const text = properties.get(key)
        if (text === undefined) continue
        const value = text === '' ? Number.NaN : Number(text)
        if (Number.isNaN(value)) warn(`${device}: ${key} ${JSON.stringify(text)} is not a number`)
        else emit(family, value, { device })
      }
    })
  },
})

interface Disk {
  readonly device: string
  readonly major: string
  readonly minor: string
}

function emitInfo(disk: Disk & { readonly rotational: string }, properties: Map<string, string>, emit: Emit): void {
  const of = (key: string) => properties.get(key) ?? ''
  const { device } = disk
  emit(info, 1, {
    ...disk,
    path: of('ID_PATH'),
    wwn: of('ID_WWN'),
    model: of('ID_MODEL'),
    serial: of('SCSI_IDENT_SERIAL') || of('ID_SERIAL_SHORT') || of('ID_SERIAL'),
    revision: of('ID_REVISION'),
  })
  if (of('ID_FS_TYPE') !== '') {
    const [type, usage] = [of('ID_FS_TYPE'), of('ID_FS_USAGE')]
    emit(filesystem, 1, { device, type, usage, uuid: of('ID_FS_UUID'), version: of('ID_FS_VERSION') })
  }
  if (of('DM_NAME') !== '') {
    const [name, uuid] = [of('DM_NAME'), of('DM_UUID')]
    const logical = { vg_name: of('DM_VG_NAME'), lv_name: of('DM_LV_NAME'), lv_layer: of('DM_LV_LAYER') }
    emit(mapper, 1, { device, name, uuid, ...logical })
  }
}

/** `8 0 sda 25354637 ...`. Lines with too few columns, partitions of Linux 2.6, are skipped. */
export function parseDiskstats(text: string): Generator<Disk & { readonly values: readonly number[] }> {
  return parseEach(lines(text), (line) => {
    const [major = '', minor = '', device = '', ...columns] = fields(line)
    if (columns.length < minColumns) return undefined
    return { device, major, minor, values: columns.map((column) => numberOf(column, () => `diskstats: ${device}`)) }
  })
}

/** The udev database of a device: properties are lines `E:KEY=VALUE`. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of lines(text)) {
    const end = line.indexOf('=')
    if (line.startsWith('E:') && end !== -1) properties.set(line.slice(2, end), line.slice(end + 1))
  }
  return properties
}
