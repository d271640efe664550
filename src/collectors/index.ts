import type { Collector } from '../collector.ts'
import conntrack from './conntrack.ts'
import cpu from './cpu.ts'
import diskstats from './diskstats.ts'
import entropy from './entropy.ts'
import filefd from './filefd.ts'
import filesystem from './filesystem.ts'
import loadavg from './loadavg.ts'
import logind from './logind.ts'
import meminfo from './meminfo.ts'
import netstat from './netstat.ts'
import ntp from './ntp.ts'
import pressure from './pressure.ts'
import sockstat from './sockstat.ts'
import stat from './stat.ts'
import supervisord from './supervisord.ts'
import systemd from './systemd.ts'
import vmstat from './vmstat.ts'

/** Every collector, by name. A line here is the registration. */
export const collectors: readonly Collector[] = [
  conntrack,
  cpu,
  diskstats,
  entropy,
  filefd,
  filesystem,
  loadavg,
  logind,
  meminfo,
  netstat,
  ntp,
  pressure,
  sockstat,
  stat,
  supervisord,
  systemd,
  vmstat,
]
