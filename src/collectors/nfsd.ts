import { collector, requireValue } from '../collector.ts'
import { calls, parseRpcStats, version2, version3 } from '../host/index.ts'
import { counter, gauge } from '../metrics/index.ts'

/** Line, column, family. */
const columns = [
  ['rc', 0, counter('node_nfsd_reply_cache_hits_total', 'Repeated calls answered from the reply cache.')],
  ['rc', 1, counter('node_nfsd_reply_cache_misses_total', 'Calls that must not be repeated; the reply was cached.')],
  ['rc', 2, counter('node_nfsd_reply_cache_nocache_total', 'Calls with a reply that need not be cached.')],
  ['fh', 0, counter('node_nfsd_file_handles_stale_total', 'Stale file handles.')],
  ['io', 0, counter('node_nfsd_disk_bytes_read_total', 'Bytes read for clients.')],
  ['io', 1, counter('node_nfsd_disk_bytes_written_total', 'Bytes written for clients.')],
  ['th', 0, gauge('node_nfsd_server_threads', 'Kernel threads of the server.')],
  ['ra', 0, gauge('node_nfsd_read_ahead_cache_size_blocks', 'Size of the read-ahead cache, in blocks.')],
  ['ra', 11, counter('node_nfsd_read_ahead_cache_not_found_total', 'Reads that the read-ahead cache did not have.')],
  ['net', 3, counter('node_nfsd_connections_total', 'TCP connections that were accepted.')],
  ['rpc', 0, counter('node_nfsd_server_rpcs_total', 'RPC calls that were received.')],
] as const

const packets = counter('node_nfsd_packets_total', 'Packets of the NFS server, sent and received.', ['proto'])
const errors = counter('node_nfsd_rpc_errors_total', 'RPC calls that were refused.', ['error'])
const requests = counter('node_nfsd_requests_total', 'Calls by NFS procedure.', ['method', 'proto'])

/** Operations of NFS 4.0 by number, as in RFC 7531: the first three numbers are not operations, 24 and 25 have no metric. */
const version4 =
  '- - - Access Close Commit Create DelegPurge DelegReturn GetAttr GetFH Link Lock Lockt Locku Lookup LookupRoot ' +
  'Nverify Open OpenAttr OpenConfirm OpenDgrd PutFH - - Read ReadDir ReadLink Remove Rename Renew RestoreFH SaveFH ' +
  'SecInfo SetAttr SetClientID SetClientIDConfirm Verify Write RelLockOwner'

const versions = [
  ['2', version2, 'proc2'],
  ['3', version3, 'proc3'],
  ['4', version4, 'proc4ops'],
] as const

export default collector({
  name: 'nfsd',
  about: 'Counts the calls and traffic of the NFS server. Reads /proc/net/rpc/nfsd.',
  collect({ proc, emit }) {
    const stats = parseRpcStats(requireValue(proc.readIfAny('net/rpc/nfsd'), 'net/rpc/nfsd'))
    for (const [line, column, family] of columns) emit(family, stats.get(line)?.[column])
    emit(packets, stats.get('net')?.[1], { proto: 'udp' })
    emit(packets, stats.get('net')?.[2], { proto: 'tcp' })
    emit(errors, stats.get('rpc')?.[2], { error: 'fmt' })
    emit(errors, stats.get('rpc')?.[3], { error: 'auth' })
    emit(errors, stats.get('rpc')?.[4], { error: 'cInt' })
    for (const [proto, names, line] of versions)
      for (const [method, count] of calls(names, stats.get(line)))
        if (method !== '-' && method !== 'Null') emit(requests, count, { method, proto })
    emit(requests, stats.get('wdeleg_getattr')?.[0] ?? 0, { method: 'WdelegGetattr', proto: '4' })
  },
})
