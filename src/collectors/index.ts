import type { Collector } from '../collector.ts'
import buddyinfo from './buddyinfo.ts'
import cgroups from './cgroups.ts'
import conntrack from './conntrack.ts'
import cpu from './cpu.ts'
import cpuVulnerabilities from './cpu-vulnerabilities.ts'
import cpufreq from './cpufreq.ts'
import diskstats from './diskstats.ts'
import entropy from './entropy.ts'
import filefd from './filefd.ts'
import filesystem from './filesystem.ts'
import interrupts from './interrupts.ts'
import kernelHung from './kernel-hung.ts'
import ksmd from './ksmd.ts'
import lnstat from './lnstat.ts'
import loadavg from './loadavg.ts'
import logind from './logind.ts'
import meminfo from './meminfo.ts'
import meminfoNuma from './meminfo-numa.ts'
import netstat from './netstat.ts'
import ntp from './ntp.ts'
import pressure from './pressure.ts'
import processes from './processes.ts'
import schedstat from './schedstat.ts'
import slabinfo from './slabinfo.ts'
import sockstat from './sockstat.ts'
import softirqs from './softirqs.ts'
import softnet from './softnet.ts'
import stat from './stat.ts'
import supervisord from './supervisord.ts'
import swap from './swap.ts'
import systemd from './systemd.ts'
import udpQueues from './udp-queues.ts'
import vmstat from './vmstat.ts'
import xfrm from './xfrm.ts'
import zoneinfo from './zoneinfo.ts'

/** Every collector, by name. A line here is the registration. */
export const collectors: readonly Collector[] = [
  buddyinfo,
  cgroups,
  conntrack,
  cpu,
  cpuVulnerabilities,
  cpufreq,
  diskstats,
  entropy,
  filefd,
  filesystem,
  interrupts,
  kernelHung,
  ksmd,
  lnstat,
  loadavg,
  logind,
  meminfo,
  meminfoNuma,
  netstat,
  ntp,
  pressure,
  processes,
  schedstat,
  slabinfo,
  sockstat,
  softirqs,
  softnet,
  stat,
  supervisord,
  swap,
  systemd,
  udpQueues,
  vmstat,
  xfrm,
  zoneinfo,
]
