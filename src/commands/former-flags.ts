import type { FormerFlags } from '../util/flags.ts'

const textfile = 'was removed, write its metrics to a text file instead: --collector.textfile.directory'

/**
 * Flags that node_exporter has renamed or removed since 0.8, by their name, with the flag that replaced them or with what
 * to do. Those that node_exporter 1.12.1 still accepts are here too, for their form with one dash.
 * https://github.com/prometheus/node_exporter/blob/master/CHANGELOG.md
 */
export const formerFlags: FormerFlags = {
  // 0.12
  'auth.user': 'was removed, set basic_auth_users in the file of --web.config.file',
  'auth.pass': 'was removed, set basic_auth_users in the file of --web.config.file',
  'collector.attributes': textfile,
  'collector.lastlogin': textfile,
  'debug.memprofile-file': 'was removed',
  // 0.15
  'collectors.enabled': 'was replaced by a flag for each collector: --collector.disable-defaults --collector.NAME',
  'collectors.print': 'was removed, --help-collectors lists the collectors',
  'collector.procfs': '--path.procfs',
  'collector.sysfs': '--path.sysfs',
  // 0.16
  'collector.gmond': 'was removed',
  'collector.megacli': textfile,
  'collector.megacli.command': textfile,
  // 1.0
  'collector.netdev.ignored-devices': '--collector.netdev.device-exclude',
  'collector.systemd.ignored-units': '--collector.systemd.unit-exclude',
  // 1.1
  'collector.netdev.device-blacklist': '--collector.netdev.device-exclude',
  'collector.netdev.device-whitelist': '--collector.netdev.device-include',
  'collector.systemd.unit-blacklist': '--collector.systemd.unit-exclude',
  'collector.systemd.unit-whitelist': '--collector.systemd.unit-include',
  // 1.2
  'collector.filesystem.ignored-fs-types': '--collector.filesystem.fs-types-exclude',
  'collector.filesystem.ignored-mount-points': '--collector.filesystem.mount-points-exclude',
  // 1.3
  'collector.ethtool.ignored-devices': '--collector.ethtool.device-exclude',
  // 1.4
  'collector.diskstats.ignored-devices': '--collector.diskstats.device-exclude',
  // 1.5
  'web.config': '--web.config.file',
  // 1.6
  'collector.qdisk.device-exclude': '--collector.qdisc.device-exclude',
  'collector.qdisk.device-include': '--collector.qdisc.device-include',
}
