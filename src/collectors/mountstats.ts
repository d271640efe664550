import { collector, parseEach } from '../collector.ts'
import { fields, lines, type Mount, parseMountinfo } from '../host/index.ts'

import { gauge, undatedCounter } from '../metrics/index.ts'

const mountLabels = ['export', 'mountaddr', 'protocol'] as const
const nfs = (name: string, help: string) => undatedCounter(`node_mountstats_nfs_${name}_total`, help, mountLabels)
const ofTransport = (name: string, help: string) =>
  undatedCounter(`node_mountstats_nfs_transport_${name}_total`, help, [...mountLabels, 'transport'])
const ofOperation = (name: string, help: string) =>
  undatedCounter(`node_mountstats_nfs_operations_${name}_total`, help, [...mountLabels, 'operation'])

const mountpointInfo = gauge('node_mountstats_nfs_mountpoint_info', 'A mount point of the export; always 1.', [
  ...mountLabels,
  'mountpoint',
])
const age = nfs('age_seconds', 'Time since it was mounted.')

/** Columns of `bytes:`, include/linux/nfs_iostat.h, enum nfs_stat_bytecounters. */
const bytes = [
  nfs('read_bytes', 'Bytes that programs read by read(2).'),
  nfs('write_bytes', 'Bytes that programs wrote by write(2).'),
  nfs('direct_read_bytes', 'Bytes that programs read past the page cache.'),
  nfs('direct_write_bytes', 'Bytes that programs wrote past the page cache.'),
  nfs('total_read_bytes', 'Bytes read from the server.'),
  nfs('total_write_bytes', 'Bytes written to the server.'),
  nfs('read_pages', 'Pages read through memory maps.'),
  nfs('write_pages', 'Pages written through memory maps.'),
]

/** Columns of `events:`, enum nfs_stat_eventcounters. node_exporter has no metric for one of them. */
const events = [
  nfs('event_inode_revalidate', 'Cached attributes checked with the server.'),
  nfs('event_dnode_revalidate', 'Cached names checked with the server.'),
  nfs('event_data_invalidate', 'Times that the cached data of an inode was dropped.'),
  nfs('event_attribute_invalidate', 'Times that the cached attributes of an inode were dropped.'),
  nfs('event_vfs_open', 'Files and directories opened.'),
  nfs('event_vfs_lookup', 'Names looked up.'),
  nfs('event_vfs_access', 'Permissions checked.'),
  nfs('event_vfs_update_page', 'Changes of pages that may have to be written.'),
  nfs('event_vfs_read_page', 'Single pages read.'),
  nfs('event_vfs_read_pages', 'Groups of pages read.'),
  nfs('event_vfs_write_page', 'Single pages written.'),
  nfs('event_vfs_write_pages', 'Groups of pages written.'),
  nfs('event_vfs_getdents', 'Listings of directories.'),
  nfs('event_vfs_setattr', 'Changes of attributes.'),
  nfs('event_vfs_flush', 'Flushes of pending writes.'),
  nfs('event_vfs_fsync', 'Calls of fsync(2).'),
  nfs('event_vfs_lock', 'Attempts to lock a file.'),
  nfs('event_vfs_file_release', 'Files released after the last close.'),
  undefined,
  nfs('event_truncation', 'Files cut shorter.'),
  nfs('event_write_extension', 'Files that grew by a write beyond their end.'),
  nfs('event_silly_rename', 'Files removed while they were open.'),
  nfs('event_short_read', 'Reads for which the server returned less than requested.'),
  nfs('event_short_write', 'Writes of which the server accepted only a part.'),
  nfs('event_jukebox_delay', 'Replies of the server that it needs more time.'),
  nfs('event_pnfs_read', 'Reads by pNFS.'),
  nfs('event_pnfs_write', 'Writes by pNFS.'),
]

const bind = ofTransport('bind', 'Connections made from scratch.')
const connect = ofTransport('connect', 'TCP connections made.')
const idle = gauge('node_mountstats_nfs_transport_idle_time_seconds', 'Time since there was last any traffic.', [
  ...mountLabels,
  'transport',
])
const slots = gauge('node_mountstats_nfs_transport_maximum_rpc_slots', 'Most requests ever under way at once.', [
  ...mountLabels,
  'transport',
])
const afterConnecting = [
  ofTransport('sends', 'Requests sent.'),
  ofTransport('receives', 'Replies received.'),
  ofTransport('bad_transaction_ids', 'Replies to an unknown request.'),
  undefined,
  ofTransport('backlog_queue', 'Requests that had to wait for a slot, summed up at each sending.'),
]
const since11 = [
  slots,
  ofTransport('sending_queue', 'Requests in the sending queue, summed up at each sending.'),
  ofTransport('pending_queue', 'Requests in the pending queue, summed up at each sending.'),
]
/** Columns of `xprt:`. The columns of RDMA after those that it shares with TCP have no metric. */
const transports: Readonly<Record<string, typeof afterConnecting | undefined>> = {
  tcp: [undefined, bind, connect, undefined, idle, ...afterConnecting, ...since11],
  udp: [undefined, bind, ...afterConnecting, ...since11],
  rdma: [undefined, bind, connect, undefined, idle, ...afterConnecting],
}

const operations = [
  ofOperation('requests', 'Requests.'),
  ofOperation('transmissions', 'Times that requests were sent.'),
  ofOperation('major_timeouts', 'Requests that had a major timeout.'),
  ofOperation('sent_bytes', 'Bytes sent, headers included.'),
  ofOperation('received_bytes', 'Bytes received, headers included.'),
  ofOperation('queue_time_seconds', 'Time requests waited before they were sent.'),
  ofOperation('response_time_seconds', 'Time from sending a request to its reply.'),
  ofOperation('request_time_seconds', 'Time from making a request to being done with it.'),
]
/** Columns from here on are milliseconds. */
const firstTime = 5

export default collector({
  name: 'mountstats',
  about: 'Reports bytes, events, transports and operations of NFS mounts. Reads /proc/self/mountstats.',
  enabled: false,
  collect({ proc, emit }) {
    const mounts = proc.oncePaths('self/mountinfo', parseMountinfo)
    const reported = new Set<string>()
    for (const mount of parseMountstats(proc.read('self/mountstats'))) {
      const [first] = mount.transports
      if (first === undefined) continue
      const { device, mountpoint } = mount
      const labels = { export: device, protocol: first.protocol, mountaddr: serverOf(mounts, mount.index, mountpoint) }
      const place = JSON.stringify([labels, mountpoint])
      if (!reported.has(place)) emit(mountpointInfo, 1, { ...labels, mountpoint })
      reported.add(place)
      const key = JSON.stringify(labels)
      if (reported.has(key)) continue
      reported.add(key)
      emit(age, mount.ageSeconds, labels)
      for (const [i, family] of bytes.entries()) emit(family, mount.bytes[i], labels)
      for (const [i, family] of events.entries()) if (family) emit(family, mount.events[i], labels)
      for (const [transport, { protocol, values }] of mount.transports.entries()) {
        const one = { ...labels, transport: String(transport) }
        for (const [i, family] of (transports[protocol] ?? []).entries()) if (family) emit(family, values[i], one)
        if (protocol === 'udp') for (const family of [connect, idle]) emit(family, 0, one)
      }
      for (const [operation, values] of mount.operations)
        for (const [i, family] of operations.entries()) emit(family, values[i], { ...labels, operation })
    }
  },
})

/** The `addr=` of the mount. Both files have the same order, unless a mount was added between the two reads. */
function serverOf(mounts: readonly Mount[], index: number, mountpoint: string): string {
  const same = mounts[index]?.mountpoint === mountpoint
  const mount = same ? mounts[index] : mounts.findLast((one) => one.mountpoint === mountpoint)
  return mount?.superOptions.find((option) => option.startsWith('addr='))?.slice('addr='.length) ?? ''
}

interface NfsStats {
  /** Position of the mount in the file. */
  readonly index: number
  readonly device: string
  readonly mountpoint: string
  ageSeconds: number | undefined
  bytes: readonly number[]
  events: readonly number[]
  readonly transports: { readonly protocol: string; readonly values: readonly number[] }[]
  readonly operations: [name: string, values: readonly number[]][]
}

/**
 * One entry for each mount, those of NFS with their statistics (fs/nfs/super.c, nfs_show_stats): labelled lines, then
 * `per-op statistics` with a line for each operation.
 */
export function parseMountstats(text: string): Generator<NfsStats> {
  const blocks: string[][] = []
  for (const line of lines(text)) {
    if (/^(no )?device /.test(line)) blocks.push([line])
    else blocks.at(-1)?.push(line)
  }
  return parseEach(blocks.entries(), ([index, block]) => parseMount(index, block))
}

function parseMount(index: number, [head = '', ...rows]: readonly string[]): NfsStats {
  const [, device = '', mountpoint = '', fstype] =
    /^(?:device (\S*)|no device) mounted on (\S+) with fstype (\S+)/.exec(head) ?? []
  if (fstype === undefined) throw new Error(`mountstats: ${JSON.stringify(head.slice(0, 200))} is not a mount`)
  const nfs: NfsStats = {
    index,
    device,
    mountpoint,
    ageSeconds: undefined,
    bytes: [],
    events: [],
    transports: [],
    operations: [],
  }
  if (fstype !== 'nfs' && fstype !== 'nfs4') return nfs
  for (const line of rows) {
    const [, key = '', rest = ''] = /^\s+([\w-]+):\s*(.*)$/.exec(line) ?? []
    const words = fields(rest)
    if (key === 'age') nfs.ageSeconds = counts(words, line)[0]
    else if (key === 'bytes') nfs.bytes = counts(words, line)
    else if (key === 'events') nfs.events = counts(words, line)
    else if (key === 'xprt') nfs.transports.push({ protocol: words[0] ?? '', values: counts(words.slice(1), line) })
    else if (/^[A-Z_\d]+$/.test(key)) nfs.operations.push([key, durations(counts(words, line), words)])
  }
  return nfs
}

function counts(words: readonly string[], line: string): number[] {
  const numbers = words.map(Number)
  if (numbers.some(Number.isNaN))
    throw new Error(`mountstats: ${JSON.stringify(line.slice(0, 200))} is not a line of counters`)
  return numbers
}

/**
 * Milliseconds become seconds. Sums of the kernel can become negative and are then shown as almost 2^64;
 * node_exporter reduces all of them modulo 2^53, and hostpush does the same.
 */
function durations(numbers: readonly number[], words: readonly string[]): number[] {
  return numbers.map((value, i) => {
    if (i < firstTime) return value
    return (value < 2 ** 53 ? value : Number(BigInt.asUintN(53, BigInt(words[i] ?? 0)))) / 1000
  })
}
