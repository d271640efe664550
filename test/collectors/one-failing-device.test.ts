import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectors } from '../../src/collectors/index.ts'
import { hostServices, type Services } from '../../src/host/services.ts'
import type { Connection } from '../../src/host/systemd/dbus.ts'
import { answers, collectAll, type Given } from '../support/collect.ts'
import { type Node, type Tree, under } from '../support/tree.ts'

/** A host with several devices of a collector, and hosts on which one of them fails. */
interface Devices {
  readonly healthy: Given
  /** Hosts on which one device fails: all of its files together, then each file alone. */
  readonly broken: readonly Given[]
  /** The samples of the device that fails. All others must still be there. */
  readonly of: RegExp
  /** The collector succeeds and reports the failure in another way. */
  readonly succeeds?: true
}

const treeNames = ['proc', 'sys', 'rootfs', 'udev', 'elsewhere'] as const
type TreeName = (typeof treeNames)[number]

const eio: Node = { error: 'EIO' }

/** Hosts on which reading the files at or below `path` gives EIO: all together, then one by one. */
function failingFiles(healthy: Given, [tree, path]: readonly [TreeName, string]): Given[] {
  const nodes = healthy[tree] ?? {}
  const paths = Object.keys(nodes).filter((one) => one === path || one.startsWith(`${path}/`))
  assert.ok(paths.length > 0, `no files at ${path}`)
  const sets = paths.length === 1 ? [paths] : [paths, ...paths.map((one) => [one])]
  return sets.map((some) => ({
    ...healthy,
    [tree]: { ...nodes, ...Object.fromEntries(some.map((one) => [one, eio])) } satisfies Tree,
  }))
}

/** Several devices, each with its files; the device at `path` fails. */
const files = (healthy: Given, path: readonly [TreeName, string], of: RegExp): Devices => ({
  healthy,
  broken: failingFiles(healthy, path),
  of,
})

/** One file with a row for each device; `row` is replaced by `odd`. */
function rows(
  tree: TreeName,
  path: string,
  text: string,
  row: string,
  odd: string,
  of: RegExp,
  more: Given = {},
): Devices {
  assert.ok(text.includes(row))
  const withText = (content: string): Given => ({ ...more, [tree]: { ...more[tree], [path]: content } })
  return { healthy: withText(text), broken: [withText(text.replace(row, odd))], of }
}

/** The same tree at several paths. */
const at = (paths: readonly string[], tree: Tree): Tree => Object.assign({}, ...paths.map((path) => under(path, tree)))

const stats = { driver: undefined, settings: undefined, failures: [] }
const ethtool = async (device: string) => ({ ...stats, statistics: [['rx', device.length] as const] })

const station = { name: 'wlan0', frequencyMhz: 2412, network: undefined, stations: [] }

const usage = { blockBytes: 4096, blocks: 1000, free: 600, available: 500, files: 20, filesFree: 10 }
const mount = (at: string, minor: number) => `${minor} 1 8:${minor} / ${at} rw - ext4 /dev/sda${minor} rw\n`

const nfsMount = (at: string) => `device srv:${at} mounted on ${at} with fstype nfs4 statvers=1.1
\tage:\t77
\tbytes:\t1 2 3 4 5 6 7 8
\txprt:\ttcp 1 2 3 4 5 6 7 8 9 10 11 12 13
`

const process = (name: string, state: string) => `<value><struct>
<member><name>group</name><value><string>g</string></value></member>
<member><name>name</name><value><string>${name}</string></value></member>
<member><name>state</name><value>${state}</value></member>
<member><name>exitstatus</name><value><int>0</int></value></member>
<member><name>start</name><value><int>5</int></value></member></struct></value>`
const supervisord = (state: string): Given => {
  const data = process('a', state) + process('b', '<int>20</int>')
  const xml = `<methodResponse><params><param><value><array><data>${data}</data></array></value></param></params></methodResponse>`
  return { services: { ...hostServices(), post: async () => xml } }
}

/** A bus with two units. Reading the properties of `failing` fails. */
function systemd(failing?: string): Given {
  const unit = (name: string) => [name, '', 'loaded', 'active', '', '', `/unit/${name}`, 0, '', '/']
  const bus = {
    call: async () => [unit('a.service'), unit('b.service')],
    async property({ path }: { readonly path: string }, name: string) {
      if (path === `/unit/${failing}`) throw new Error('EIO')
      return name === 'Version' ? '252.39' : name === 'SystemState' ? 'running' : 'x'
    },
    [Symbol.dispose]() {},
  } as unknown as Connection
  const services: Services = { ...hostServices(), systemBus: async () => bus }
  return { services, options: { 'enable-restarts-metrics': true } }
}

const runitStatus = Buffer.alloc(20)
runitStatus.writeBigUInt64BE((1n << 62n) + 10n, 0)

const kstat = (row: string) => `7 1 0x01 21 5712 1 2\nname type data\n${row}\n`
const devicesOf = (name: string) => [`${name}0`, `${name}1`]

/** The failing device of each collector, or the reason why it has only one input. */
const table: Readonly<Record<string, Devices | string>> = {
  arp: 'counts the rows of one neighbour table: without a row, a count would be wrong',
  bcache: files(
    {
      sys: at(['fs/bcache/a-1', 'fs/bcache/b-2'], {
        tree_depth: '1\n',
        ...at(['bdev0', 'bdev1'], {
          dirty_data: '1\n',
          'stats_total/cache_hits': '2\n',
          writeback_rate_debug: 'rate: 1\n',
        }),
        ...at(['cache0', 'cache1'], { written: '3\n' }),
      }),
    },
    ['sys', 'fs/bcache/a-1/bdev0'],
    /backing_device="bdev0",uuid="a-1"/,
  ),
  bcachefs: files(
    {
      sys: at(['fs/bcachefs/u-1', 'fs/bcachefs/u-2'], {
        errors: 'a 1\nb 2\n',
        btree_cache_size: '1M\n',
        'counters/data_read': 'since filesystem creation: 4T\n',
        ...at(['dev-0', 'dev-1'], { label: 'l\n', state: 's\n', bucket_size: '1k\n', nbuckets: '7\n' }),
      }),
    },
    ['sys', 'fs/bcachefs/u-1/dev-0'],
    /device="0",.*uuid="u-1"/,
  ),
  bonding: files(
    {
      sys: {
        'class/net/bonding_masters': 'bond0 bond1\n',
        ...at(['class/net/bond0', 'class/net/bond1'], {
          'bonding/slaves': 'e0\n',
          'lower_e0/bonding_slave/mii_status': 'up\n',
        }),
      },
    },
    ['sys', 'class/net/bond0'],
    /master="bond0"/,
  ),
  btrfs: files(
    {
      sys: at(['fs/btrfs/a-1', 'fs/btrfs/b-2'], {
        label: 'l\n',
        metadata_uuid: '\n',
        commit_stats: 'commits 1\n',
        'allocation/global_rsv_size': '1\n',
        'allocation/data/single/total_bytes': '2\n',
        'allocation/system/dup/total_bytes': '3\n',
        'devices/sda/size': '4\n',
      }),
    },
    ['sys', 'fs/btrfs/a-1'],
    /uuid="a-1"/,
  ),
  buddyinfo: rows(
    'proc',
    'buddyinfo',
    'Node 0, zone DMA 1 0\nNode 0, zone DMA32 x 2\nNode 0, zone Normal 3 4\n'.replace('x', '1'),
    'DMA32 1',
    'DMA32 x',
    /DMA32/,
  ),
  cgroups: rows('proc', 'cgroups', '#n\ncpu 1 2 1\nio 2 3 1\nmemory 3 4 1\n', 'io 2 3', 'io 2 x', /"io"/),
  conntrack: 'sums the statistics of one table over all CPUs: without a row, a sum would be wrong',
  cpu: files(
    {
      proc: { stat: 'cpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7 8 9 10\n' },
      sys: Object.assign(
        {},
        ...[0, 1].map((id) =>
          under(`devices/system/cpu/cpu${id}`, {
            online: '1\n',
            'thermal_throttle/core_throttle_count': '5\n',
            'thermal_throttle/package_throttle_count': '6\n',
            'topology/physical_package_id': `${id}\n`,
            'topology/core_id': '0\n',
          }),
        ),
      ),
    },
    ['sys', 'devices/system/cpu/cpu0'],
    /online\{cpu="0"|throttles.*package="0"/,
  ),
  cpu_vulnerabilities: files(
    { sys: under('devices/system/cpu/vulnerabilities', { a: 'Vulnerable\n', b: 'Not affected\n' }) },
    ['sys', 'devices/system/cpu/vulnerabilities/a'],
    /codename="a"/,
  ),
  cpufreq: files(
    {
      sys: {
        'devices/system/cpu/offline': '\n',
        ...at(['devices/system/cpu/cpu0/cpufreq', 'devices/system/cpu/cpu1/cpufreq'], {
          cpuinfo_cur_freq: '1\n',
          scaling_cur_freq: '2\n',
          scaling_governor: 'x\n',
          scaling_available_governors: 'x y\n',
        }),
      },
    },
    ['sys', 'devices/system/cpu/cpu0'],
    /cpu="0"/,
  ),
  diskstats: files(
    {
      proc: { diskstats: '8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 16 sdb 1 2 3 4 5 6 7 8 9 10 11\n' },
      sys: { 'block/sda/queue/rotational': '1\n', 'block/sdb/queue/rotational': '0\n' },
      udev: { 'b8:0': 'E:ID_MODEL=a\n', 'b8:16': 'E:ID_MODEL=b\n' },
    },
    ['sys', 'block/sda'],
    /device="sda"/,
  ),
  dmi: 'describes one machine; a field that cannot be read is left out',
  dmmultipath: files(
    {
      sys: {
        ...at(['block/dm-0', 'block/dm-1'], {
          'dm/uuid': 'mpath-1\n',
          'dm/name': 'm\n',
          'dm/suspended': '0\n',
          size: '8\n',
          'slaves/sda/size': '8\n',
        }),
        'block/sda/device/state': 'running\n',
      },
    },
    ['sys', 'block/dm-0'],
    /dm-0|path_state/,
  ),
  drbd: rows('proc', 'drbd', '0: cs:Connected ns:1\n1: cs:Connected ns:2 nr:3\n', 'ns:1', 'ns:x', /sent.*"drbd0"/),
  drm: files(
    {
      sys: at(['class/drm/card0', 'class/drm/card1'], {
        'device/uevent': 'DRIVER=amdgpu\n',
        'device/gpu_busy_percent': '4\n',
        'device/unique_id': 'x\n',
      }),
    },
    ['sys', 'class/drm/card0'],
    /card="card0"/,
  ),
  edac: files(
    {
      sys: at(['devices/system/edac/mc/mc0', 'devices/system/edac/mc/mc1'], {
        ce_count: '1\n',
        ce_noinfo_count: '2\n',
        ue_count: '3\n',
        ue_noinfo_count: '4\n',
        ...at(['csrow0', 'csrow1'], { ce_count: '5\n', ue_count: '6\n', ch0_ce_count: '7\n', ch0_dimm_label: 'd\n' }),
      }),
    },
    ['sys', 'devices/system/edac/mc/mc0/csrow0'],
    /controller="0",csrow="0"/,
  ),
  entropy: files(
    { proc: under('sys/kernel/random', { entropy_avail: '1\n', poolsize: '2\n' }) },
    ['proc', 'sys/kernel/random/entropy_avail'],
    /available/,
  ),
  ethtool: {
    healthy: { sys: at(['class/net/eth0', 'class/net/eth1'], { mtu: '1\n' }), kernel: { ethtool } },
    broken: [
      {
        sys: at(['class/net/eth0', 'class/net/eth1'], { mtu: '1\n' }),
        kernel: { ethtool: (device) => (device === 'eth0' ? Promise.reject(new Error('EIO')) : ethtool(device)) },
      },
    ],
    of: /device="eth0"/,
  },
  fibrechannel: files(
    { sys: at(['class/fc_host/host0', 'class/fc_host/host1'], { speed: '8\n', 'statistics/rx_frames': '0x1\n' }) },
    ['sys', 'class/fc_host/host0'],
    /host0/,
  ),
  filefd: 'reads one file with one row',
  filesystem: {
    healthy: { proc: { '1/mountinfo': mount('/', 1) + mount('/a', 2) }, statfs: answers({ '/': usage, '/a': usage }) },
    broken: [{ proc: { '1/mountinfo': mount('/', 1) + mount('/a', 2) }, statfs: answers({ '/a': usage }) }],
    of: /mountpoint="\/"/,
    succeeds: true, // node_filesystem_device_error is 1
  },
  hwmon: {
    ...files(
      { sys: at(devicesOf('class/hwmon/hwmon'), { temp1_input: '1\n', temp2_input: '2\n' }) },
      ['sys', 'class/hwmon/hwmon1'],
      /hwmon1/,
    ),
    succeeds: true, // sensors of sleeping hardware fail often: they are left out, as in node_exporter
  },
  infiniband: files(
    {
      sys: at(['class/infiniband/a', 'class/infiniband/b'], {
        fw_ver: '1\n',
        board_id: 'x\n',
        ...at(['ports/1', 'ports/2'], {
          state: '4: ACTIVE\n',
          phys_state: '5: LinkUp\n',
          rate: '40 Gb/sec (4X QDR)\n',
          'counters/port_rcv_data': '1\n',
        }),
      }),
    },
    ['sys', 'class/infiniband/a/ports/1'],
    /device="a",port="1"/,
  ),
  interrupts: rows(
    'proc',
    'interrupts',
    ' CPU0 CPU1\n NMI: 1 2 Non-maskable interrupts\n LOC: 3 4 Local timer interrupts\n',
    '1 2',
    'x 2',
    /type="NMI"/,
  ),
  ipvs: 'sums the rows of one file by the chosen labels: without a row, a sum would be wrong',
  kernel_hung: 'reads one file with one number',
  ksmd: files(
    {
      sys: at(['kernel/mm/ksm'], {
        full_scans: '1\n',
        merge_across_nodes: '1\n',
        pages_shared: '1\n',
        pages_sharing: '1\n',
        pages_to_scan: '1\n',
        pages_unshared: '1\n',
        pages_volatile: '1\n',
        run: '1\n',
        sleep_millisecs: '1\n',
      }),
    },
    ['sys', 'kernel/mm/ksm/full_scans'],
    /full_scans/,
  ),
  lnstat: files({ proc: { 'net/stat/a': 'x\n1\n', 'net/stat/b': 'y\n2\n' } }, ['proc', 'net/stat/a'], /subsystem="a"/),
  loadavg: 'reads one file with one row',
  logind: 'counts sessions: without a session, a count would be wrong',
  mdadm: files(
    {
      proc: {
        mdstat:
          'md0 : active raid1 a[0] b[1]\n      5 blocks [2/2] [UU]\nmd1 : active raid1 c[0]\n      6 blocks [2/1] [U_]\n',
      },
      sys: at(['block/md0/md', 'block/md1/md'], { level: 'raid1\n', raid_disks: '2\n', degraded: '0\n' }),
    },
    ['sys', 'block/md0'],
    /(raid_disks|degraded)\{device="md0"/,
  ),
  meminfo: 'reads one file of totals',
  meminfo_numa: files(
    {
      sys: at(['devices/system/node/node0', 'devices/system/node/node1'], {
        meminfo: 'Node 0 A: 1 kB\n',
        numastat: 'hit 1\n',
      }),
    },
    ['sys', 'devices/system/node/node0'],
    /node="0"/,
  ),
  mountstats: rows(
    'proc',
    'self/mountstats',
    nfsMount('/a') + nfsMount('/b'),
    'bytes:\t1 2',
    'bytes:\tx 2',
    /export="srv:\/a"/,
    { proc: { 'self/mountinfo': mount('/a', 1) + mount('/b', 2) } },
  ),
  netclass: files(
    {
      sys: at(['class/net/eth0', 'class/net/eth1'], {
        operstate: 'up\n',
        flags: '0x1\n',
        mtu: '1\n',
        speed: '10\n',
        address: 'x\n',
      }),
    },
    ['sys', 'class/net/eth0'],
    /device="eth0"/,
  ),
  netdev: files(
    {
      proc: { 'net/dev': `h\nh\neth0: ${'1 '.repeat(16)}\neth1: ${'2 '.repeat(16)}\n` },
      sys: at(['class/net/eth0', 'class/net/eth1'], { 'statistics/rx_nohandler': '0\n' }),
    },
    ['sys', 'class/net/eth0'],
    /device="eth0"/,
  ),
  netstat: files(
    {
      proc: {
        'net/netstat': 'IpExt: InOctets\nIpExt: 1\n',
        'net/snmp': 'Tcp: CurrEstab\nTcp: 2\n',
        'net/snmp6': 'Ip6InOctets 3\n',
      },
    },
    ['proc', 'net/netstat'],
    /IpExt/,
  ),
  network_route: 'receives all routes in one netlink dump',
  nfs: 'reads one file of totals',
  nfsd: 'reads one file of totals',
  ntp: 'queries one server',
  nvme: files(
    {
      sys: at(['class/nvme/nvme0', 'class/nvme/nvme1'], {
        cntlid: '1\n',
        firmware_rev: 'F\n',
        model: 'M\n',
        serial: 'S\n',
        state: 'live\n',
        ...at(['nvme0n1', 'nvme0n2'], {
          nuse: '1\n',
          size: '2\n',
          'queue/logical_block_size': '512\n',
          ana_state: 'x\n',
        }),
      }),
    },
    ['sys', 'class/nvme/nvme0/nvme0n1'],
    /device="nvme0",nsid="1"/,
  ),
  nvmesubsystem: files(
    {
      sys: at(devicesOf('class/nvme-subsystem/nvme-subsys'), {
        iopolicy: 'numa\n',
        model: 'M\n',
        serial: 'S\n',
        subsysnqn: 'n\n',
        ...at(['nvme0', 'nvme1'], { state: 'live\n', transport: 'tcp\n' }),
      }),
    },
    ['sys', 'class/nvme-subsystem/nvme-subsys0/nvme0'],
    /controller="nvme0".*subsys0|paths_live\{subsystem="nvme-subsys0"/,
  ),
  os: 'reads one file',
  pcidevice: files(
    {
      sys: at(['bus/pci/devices/0000:00:00.0', 'bus/pci/devices/0000:00:01.0'], {
        class: '0x060400\n',
        vendor: '0x1\n',
        device: '0x2\n',
        subsystem_vendor: '0x3\n',
        subsystem_device: '0x4\n',
        revision: '0x5\n',
        power_state: 'D0\n',
        numa_node: '0\n',
        current_link_speed: '8 GT/s\n',
      }),
    },
    ['sys', 'bus/pci/devices/0000:00:00.0'],
    /device="00"/,
  ),
  perf: {
    healthy: { sys: { 'devices/system/cpu/online': '0-1\n' }, kernel: { counters: async () => ({ count: () => 1 }) } },
    broken: [
      {
        sys: { 'devices/system/cpu/online': '0-1\n' },
        kernel: {
          counters: async () => ({
            count(_, cpu) {
              if (cpu === 0) throw new Error('EIO')
              return 1
            },
          }),
        },
      },
    ],
    of: /cpu="0"/,
  },
  powersupplyclass: files(
    { sys: at(['class/power_supply/AC', 'class/power_supply/BAT'], { type: 'x\n', online: '1\n', capacity: '2\n' }) },
    ['sys', 'class/power_supply/AC'],
    /power_supply="AC"/,
  ),
  pressure: files(
    {
      proc: at(['pressure'], {
        cpu: 'some total=1\n'.replace('some', 'some avg10=0'),
        memory: 'some avg10=0 total=2\nfull avg10=0 total=3\n',
      }),
    },
    ['proc', 'pressure/cpu'],
    /_cpu_/,
  ),
  processes: 'counts the processes of one table: without a process, a count would be wrong',
  qdisc: 'receives all queueing disciplines in one netlink dump',
  rapl: files(
    {
      sys: {
        ...under('class/powercap/a:0', { name: 'package-0\n', energy_uj: '1\n' }),
        ...under('class/powercap/a:1', { name: 'package-1\n', energy_uj: '1\n' }),
      },
    },
    ['sys', 'class/powercap/a:0'],
    /index="0"/,
  ),
  runit: {
    ...files(
      { elsewhere: at(['etc/service/a', 'etc/service/b'], { 'supervise/status': runitStatus }) },
      ['elsewhere', 'etc/service/a'],
      /service="a"/,
    ),
    succeeds: true, // a warning, as in node_exporter
  },
  schedstat: 'reads one file; rows that do not match are skipped',
  selinux: 'describes one host',
  slabinfo: rows('proc', 'slabinfo', 'a 1 2 3 4 5\nb 1 2 3 4 5\n', 'a 1', 'a x', /slab="a"/),
  sockstat: files(
    { proc: { 'net/sockstat': 'TCP: inuse 1\n', 'net/sockstat6': 'TCP6: inuse 2\n' } },
    ['proc', 'net/sockstat'],
    /TCP_/,
  ),
  softirqs: rows('proc', 'softirqs', ' CPU0\n HI: 1\n TIMER: 2\n', 'HI: 1', 'HI: x', /type="HI"/),
  softnet: rows('proc', 'net/softnet_stat', '1 2 3 4 5 6 7 8 9\n1 2 3 4 5 6 7 8 9\n', '1 2 3', 'x 2 3', /cpu="0"/),
  stat: rows('proc', 'stat', 'intr 1\nctxt 2\nbtime 3\n', 'intr 1', 'intr x', /intr/),
  supervisord: { healthy: supervisord('<int>20</int>'), broken: [supervisord('<string>?</string>')], of: /name="a"/ },
  swap: rows('proc', 'swaps', 'h\n/a file 1 2 3\n/b file 1 2 3\n', '/a file 1', '/a file x', /device="\/a"/),
  sysctl: files(
    { proc: { 'sys/a/x': '1\n', 'sys/b/y': '2\n' }, options: { include: ['a.x', 'b.y'] } },
    ['proc', 'sys/a'],
    /_a_x/,
  ),
  systemd: { healthy: systemd(), broken: [systemd('a.service')], of: /name="a\.service"/ },
  tapestats: files(
    { sys: at(['class/scsi_tape/st0/stats', 'class/scsi_tape/st1/stats'], { in_flight: '1\n', read_cnt: '2\n' }) },
    ['sys', 'class/scsi_tape/st0'],
    /device="st0"/,
  ),
  tcpstat: 'sums all sockets by state: without a dump, a sum would be wrong',
  textfile: {
    ...files(
      { elsewhere: { 'm/a.prom': 'a 1\n', 'm/b.prom': 'b 1\n' }, options: { directory: ['/m'] } },
      ['elsewhere', 'm/a.prom'],
      /^a |a\.prom|scrape_error/,
    ),
    succeeds: true, // node_textfile_scrape_error is 1
  },
  thermal_zone: files(
    {
      sys: at(['class/thermal/cooling_device0', 'class/thermal/cooling_device1'], {
        type: 'x\n',
        max_state: '1\n',
        cur_state: '0\n',
      }),
    },
    ['sys', 'class/thermal/cooling_device0'],
    /name="0"/,
  ),
  time: files(
    {
      sys: at(devicesOf('devices/system/clocksource/clocksource'), {
        available_clocksource: 'a b\n',
        current_clocksource: 'a\n',
      }),
    },
    ['sys', 'devices/system/clocksource/clocksource0'],
    /device="0"/,
  ),
  timex: 'makes one system call',
  udp_queues: files({ proc: { 'net/udp': 'h\n', 'net/udp6': 'h\n' } }, ['proc', 'net/udp'], /ip="v4"/),
  uname: 'describes one host',
  vmstat: rows('proc', 'vmstat', 'pgfault 1\npgmajfault 2\n', 'pgfault 1', 'pgfault x', /_pgfault/),
  watchdog: files(
    { sys: at(['class/watchdog/watchdog0', 'class/watchdog/watchdog1'], { timeout: '1\n', state: 'x\n' }) },
    ['sys', 'class/watchdog/watchdog0'],
    /watchdog0/,
  ),
  wifi: {
    healthy: { kernel: { wifi: async () => [station, { ...station, name: 'wlan1' }] } },
    broken: [
      {
        kernel: {
          wifi: async () => [
            { ...station, failure: new Error('EIO') },
            { ...station, name: 'wlan1' },
          ],
        },
      },
    ],
    of: /device="wlan0"/,
  },
  xfrm: rows('proc', 'net/xfrm_stat', 'XfrmInError 1\nXfrmInNoStates 2\n', 'InError 1', 'InError x', /in_error/),
  xfs: files(
    { sys: at(['fs/xfs/sda', 'fs/xfs/sdb'], { 'stats/stats': 'rw 1 2\n' }) },
    ['sys', 'fs/xfs/sda'],
    /device="sda"/,
  ),
  zfs: files(
    {
      proc: {
        'spl/kstat/zfs/arcstats': kstat('hits 4 1'),
        ...at(['spl/kstat/zfs/a', 'spl/kstat/zfs/b'], {
          state: 'ONLINE\n',
          io: 'h\nnread\n1\n',
          'objset-1': kstat('writes 4 5'),
        }),
      },
    },
    ['proc', 'spl/kstat/zfs/a'],
    /zpool="a"/,
  ),
  zoneinfo: 'reads one file; words that are no numbers are skipped',
}

test('the table has a row for every collector, and no other', () => {
  const names = collectors.map(({ name }) => name)
  const without = names.filter((name) => !(name in table))
  assert.ok(
    without.length === 0,
    `no row for ${without.join(', ')}: add files(…), rows(…) or the reason why there is only one input`,
  )
  assert.deepEqual(
    Object.keys(table).filter((name) => !names.includes(name)),
    [],
  )
})

for (const collector of collectors) {
  const devices = table[collector.name]
  if (devices === undefined || typeof devices === 'string') continue
  test(`${collector.name}: a failing device does not hide the others`, async () => {
    const { healthy, broken, of, succeeds = false } = devices
    const { lines, success, logged } = await collectAll(collector, healthy)
    assert.ok(success, logged.join())
    const others = lines.filter((line) => !of.test(line))
    assert.ok(others.length < lines.length, 'the failing device has no samples')
    assert.ok(others.length > 0, 'there is no other device')
    for (const given of broken) {
      const result = await collectAll(collector, given)
      const missing = others.filter((line) => !result.lines.includes(line))
      assert.deepEqual(missing, [], result.logged.join())
      // A file that is not read may fail.
      if (given === broken[0] || result.lines.length < lines.length) assert.equal(result.success, succeeds, 'success')
    }
  })
}

/** Files that other files cannot be understood without: their failure hides the samples of those too. */
const needed: Readonly<Record<string, readonly string[]>> = {
  bonding: ['class/net/bonding_masters'], // the list of devices
  btrfs: ['metadata_uuid'], // a label of every sample
  cpufreq: ['devices/system/cpu/offline'], // the list of devices
  diskstats: ['diskstats'], // the list of devices
  dmmultipath: ['dm/uuid', 'dm/name', 'device/state'], // the kind and the name; the counts of paths need every state
  drm: ['device/uevent'], // the driver
  mdadm: ['md/level'],
  netdev: ['net/dev'], // the list of devices
  netclass: ['operstate', 'flags'], // they are labels of node_network_info and metrics too
  nvme: ['queue/logical_block_size'], // the unit of the sizes
  thermal_zone: ['type'], // a label of every sample
}

for (const collector of collectors) {
  const devices = table[collector.name]
  if (devices === undefined || typeof devices === 'string') continue
  const { healthy } = devices
  const all = treeNames.flatMap((tree) => Object.keys(healthy[tree] ?? {}).map((path) => [tree, path] as const))
  if (all.length < 2) continue
  test(`${collector.name}: a file that cannot be read hides no sample of another file`, async () => {
    const { lines } = await collectAll(collector, healthy)
    const hidden = new Map<string, ReadonlySet<string>>()
    for (const [tree, path] of all) {
      const result = await collectAll(collector, { ...healthy, [tree]: { ...healthy[tree], [path]: eio } })
      const seen = new Set(result.lines)
      hidden.set(path, new Set(lines.filter((line) => !seen.has(line))))
    }
    const isNeeded = (path: string) => needed[collector.name]?.some((end) => path === end || path.endsWith(`/${end}`))
    for (const [path, missing] of hidden) {
      if (isNeeded(path)) continue
      for (const [other, fewer] of hidden) {
        const isPart = fewer.size > 0 && fewer.size < missing.size && fewer.isSubsetOf(missing)
        assert.ok(!isPart, `without ${path}, ${[...fewer].join()} of ${other} is missing too`)
      }
    }
  })
}
