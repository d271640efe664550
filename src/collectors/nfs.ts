import { collector, requireValue } from '../collector.ts'
import { calls, parseRpcStats, version2, version3 } from '../host/index.ts'
import { counter } from '../metrics/index.ts'

const packets = counter('node_nfs_packets_total', 'Packets of the NFS client, sent and received.', ['protocol'])
const connections = counter('node_nfs_connections_total', 'TCP connections of the NFS client.')
const rpcs = counter('node_nfs_rpcs_total', 'RPC calls of the NFS client.')
const retransmissions = counter('node_nfs_rpc_retransmissions_total', 'RPC calls that were sent again.')
const refreshes = counter('node_nfs_rpc_authentication_refreshes_total', 'RPC credentials that were refreshed.')
const requests = counter('node_nfs_requests_total', 'Calls by NFS procedure.', ['method', 'proto'])

/** NFS 4 operations in the numbering of the client, which differs from the protocol: NFSPROC4_CLNT_* in include/linux/nfs4.h. */
const version4 =
  'Null Read Write Commit Open OpenConfirm OpenNoattr OpenDowngrade Close Setattr FsInfo Renew SetClientID ' +
  'SetClientIDConfirm Lock Lockt Locku Access Getattr Lookup LookupRoot Remove Rename Link Symlink Create Pathconf ' +
  'StatFs ReadLink ReadDir ServerCaps DelegReturn GetACL SetACL FsLocations ReleaseLockowner Secinfo FsidPresent ' +
  'ExchangeID CreateSession DestroySession Sequence GetLeaseTime ReclaimComplete GetDeviceInfo LayoutGet ' +
  'LayoutCommit LayoutReturn SecinfoNoName TestStateID FreeStateID GetDeviceList BindConnToSession DestroyClientID ' +
  'Seek Allocate DeAllocate LayoutStats Clone'

const versions = [
  ['2', version2],
  ['3', version3],
  ['4', version4],
] as const

export default collector({
  name: 'nfs',
  about: 'Counts the calls and traffic of the NFS client. Reads /proc/net/rpc/nfs.',
  collect({ proc, emit }) {
    const stats = parseRpcStats(requireValue(proc.readIfAny('net/rpc/nfs'), 'net/rpc/nfs'))
    const net = stats.get('net')
    emit(packets, net?.[1], { protocol: 'udp' })
    emit(packets, net?.[2], { protocol: 'tcp' })
    emit(connections, net?.[3])
    const rpc = stats.get('rpc')
    emit(rpcs, rpc?.[0])
    emit(retransmissions, rpc?.[1])
    emit(refreshes, rpc?.[2])
    for (const [proto, names] of versions)
      for (const [method, count] of calls(names, stats.get(`proc${proto}`))) emit(requests, count, { method, proto })
  },
})
