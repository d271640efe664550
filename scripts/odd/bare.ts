import { collectors } from '../../src/collectors/index.ts'
import { below, file, type OddHost, only, type Tree } from './host.ts'

/** Collectors that read this machine instead of a tree, or a program that does not run. */
const notFromFiles = [
  'filesystem',
  'ntp',
  'perf',
  'runit',
  'supervisord',
  'systemd',
  'logind',
  'timex',
  'time',
  'uname',
]
const fromNetlink = ['arp', 'netdev', 'network_route', 'qdisc', 'tcpstat', 'wifi', 'ethtool']
const excluded = new Set([...notFromFiles, ...fromNetlink])

export const fromTree: readonly string[] = collectors.map(({ name }) => name).filter((name) => !excluded.has(name))

/**
 * A minimal kernel of an embedded device: without PSI, connection tracking, block devices, swap, IPv6, module files.
 */
const bare: Tree = {
  ...below('proc', {
    stat: file(
      'cpu  1 2 3 4 5 6 7 8 9 10',
      'cpu0 1 2 3 4 5 6 7 8 9 10',
      'intr 5 0',
      'ctxt 7',
      'btime 1700000000',
      'processes 9',
      'procs_running 1',
      'procs_blocked 0',
      'softirq 3 0 1 2 0 0 0 0 0 0 0',
    ),
    meminfo: 'MemTotal:          60000 kB\nMemFree:            9000 kB\nBuffers:               0 kB\n',
    loadavg: '0.00 0.01 0.05 1/40 99\n',
    uptime: '12.34 10.00\n',
    vmstat: 'nr_free_pages 100\npgfault 5\npgmajfault 1\n',
    'sys/fs/file-nr': '32\t0\t6000\n',
    'sys/kernel/random/entropy_avail': '256\n',
    'sys/kernel/random/poolsize': '256\n',
    'net/netstat': 'TcpExt: SyncookiesSent ListenDrops\nTcpExt: 0 3\n',
    'net/snmp': 'Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: ActiveOpens CurrEstab\nTcp: 4 1\n',
    'net/sockstat': 'sockets: used 20\nTCP: inuse 2 orphan 0 tw 0 alloc 3 mem 1\nUDP: inuse 1\n',
    'net/softnet_stat': '0000000a 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000\n',
    'net/udp': file(
      '  sl  local_address rem_address   st tx_queue rx_queue',
      '   0: 00000000:0044 00000000:0000 07 00000000:00000100 00:00000000 00000000     0        0 1 2 0 0',
    ),
    self: { link: '1' },
    '1/stat':
      '1 (init) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 2 3 4 5 6 7 8 9 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n',
    '7/stat':
      '7 (a) b) (c) R 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 2 3 4 5 6 7 8 9 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n',
    'sys/kernel/threads-max': '400\n',
    'sys/kernel/pid_max': '32768\n',
    '1/mountinfo': '1 0 0:2 / / rw - rootfs none rw\n',
    '1/mountstats': 'device none mounted on / with fstype rootfs\n',
  }),
  'sys/devices/system/cpu/cpu0/uevent': '',
  'sys/devices/system/cpu/offline': '\n',
  'sys/class/net/lo/operstate': 'unknown\n',
  'sys/class/net/lo/flags': '0x9\n',
  'etc/os-release': 'ID=buildroot\nNAME=Buildroot\nVERSION_ID=2024.02.1\n',
}

export const bareHosts: readonly OddHost[] = [
  { name: 'bare', tree: bare, flags: only(...fromTree) },
  {
    name: 'empty',
    tree: {},
    // Without /proc/self node_exporter does not start with mountstats.
    flags: only(...fromTree.filter((name) => name !== 'mountstats')),
  },
]
