/** Metrics of node-mixin's recording rules and alerts, and those that identify a host. */
const minimalNames = `
  up node_exporter_build_info node_os_info node_uname_info
  node_bonding_{active,slaves} node_cpu_seconds_total node_disk_io_time_{,weighted_}seconds_total
  node_disk_{read,written}_bytes_total node_filefd_{allocated,maximum}
  node_filesystem_{avail_bytes,files,files_free,readonly,size_bytes} node_load{1,5,15} node_md_disks{,_required}
  node_memory_{Buffers,Cached,MemAvailable,MemFree,MemTotal,Slab}_bytes
  node_network_{receive,transmit}_{bytes,drop,errs,packets}_total node_nf_conntrack_entries{,_limit}
  node_systemd_service_restart_total node_systemd_unit_state node_textfile_scrape_error
  node_timex_{maxerror_seconds,offset_seconds,sync_status} node_vmstat_pgmajfault
`

/** Additional metrics of the dashboards of Grafana Cloud's Linux integration. */
const integrationNames = `
  node_arp_entries node_boot_time_seconds node_context_switches_total
  node_disk_{read_time_seconds,reads_completed,write_time_seconds,writes_completed}_total
  node_filesystem_device_error node_hwmon_temp_celsius node_intr_total
  node_memory_{Active,Active_anon,Active_file,AnonHugePages,AnonPages,Bounce,CommitLimit,Committed_AS,DirectMap1G}_bytes
  node_memory_{DirectMap2M,DirectMap4k,Dirty,Hugepagesize,Inactive,Inactive_anon,Inactive_file,Mapped}_bytes
  node_memory_{SReclaimable,SUnreclaim,Shmem,ShmemHugePages,ShmemPmdMapped,SwapTotal,VmallocChunk,VmallocTotal}_bytes
  node_memory_{VmallocUsed,Writeback,WritebackTmp}_bytes node_memory_HugePages_{Free,Rsvd,Surp,Total}
  node_netstat_{Icmp,Icmp6}_{InErrors,InMsgs,OutMsgs} node_netstat_IpExt_{InOctets,OutOctets}
  node_netstat_TcpExt_{ListenDrops,ListenOverflows,TCPSynRetrans}
  node_netstat_Tcp_{InErrs,InSegs,OutRsts,OutSegs,RetransSegs}
  node_netstat_{Udp,Udp6}_{InDatagrams,InErrors,NoPorts,OutDatagrams,RcvbufErrors,SndbufErrors}
  node_netstat_UdpLite_InErrors node_network_{carrier,info,mtu_bytes,speed_bytes,transmit_queue_length,up}
  node_network_{receive,transmit}_{compressed,fifo,multicast}_total
  node_scrape_collector_{duration_seconds,success}
  node_sockstat_{FRAG,FRAG6,RAW,RAW6,TCP,TCP6,UDP,UDP6,UDPLITE,UDPLITE6}_inuse
  node_sockstat_TCP_{alloc,mem,mem_bytes,orphan,tw} node_sockstat_UDP_{mem,mem_bytes} node_sockstat_sockets_used
  node_softnet_{dropped,processed,times_squeezed}_total node_time_seconds node_time_zone_offset_seconds
  node_timex_estimated_error_seconds node_vmstat_{oom_kill,pgfault,pgpgin,pgpgout,pswpin,pswpout}
  process_cpu_seconds_total process_max_fds process_open_fds process_virtual_memory_{,max_}bytes
  scrape_duration_seconds scrape_samples_scraped
`

/** The set of collected metrics that an endpoint gets. */
export const extents = ['full', 'integration', 'minimal'] as const
export type Extent = (typeof extents)[number]

/** Names of the metrics to keep; undefined: keep all. */
export function keepList(extent: Extent): ReadonlySet<string> | undefined {
  if (extent === 'full') return undefined
  return new Set((extent === 'minimal' ? [minimalNames] : [minimalNames, integrationNames]).flatMap(namesIn))
}

const namesIn = (text: string): string[] => text.trim().split(/\s+/).flatMap(alternatives)

/** Expands `a_{b,c}_{d,e}` to four names, as a shell does. */
function alternatives(text: string): string[] {
  const [, before = '', inner, after = ''] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(text) ?? []
  if (inner === undefined) return [text]
  return inner.split(',').flatMap((one) => alternatives(before + one + after))
}
