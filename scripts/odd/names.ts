import { below, bytes, file, mergeTrees, type OddHost, only, type Tree } from './host.ts'

/* Unusual label values from users, vendors and the kernel: spaces, quotes, backslashes, invalid UTF-8. */

/** For each collector, a tree with the label value `odd`: a tree at which node_exporter panics can be excluded. */
const kinds: Readonly<Record<string, (odd: string) => Tree>> = {
  // Must be first: its statistics belong to the line with the same number in mountinfo.
  mountstats: (odd) => ({
    'proc/1/mountinfo': `1 0 0:5 / /${word(odd)} rw - nfs4 h:/${word(odd)} rw,addr=192.0.2.1\n`,
    'proc/1/mountstats': file(
      `device h:/${word(odd)} mounted on /${word(odd)} with fstype nfs4 statvers=1.1`,
      '\tage:\t3',
      '\tbytes:\t1 2 3 4 5 6 7 8',
      `\tevents:\t${'1 '.repeat(26)}1`,
      '\txprt:\ttcp 1 2 3 4 5 6 7 8 9 10 11 12 13',
      '\tper-op statistics',
      '\t        NULL: 0 0 0 0 0 0 0 0',
    ),
  }),
  bcachefs: (odd) =>
    below('sys/fs/bcachefs/1-2', {
      btree_cache_size: '1k\n',
      ...below('dev-0', { label: `${odd}\n`, state: 'rw\n', bucket_size: '1M\n', nbuckets: '9\n', durability: '1\n' }),
    }),
  bonding: (odd) => ({ [`sys/class/net/${odd.replaceAll(' ', '')}0/bonding/slaves`]: '\n' }),
  btrfs: (odd) =>
    below('sys/fs/btrfs/1-2', {
      label: `${odd}\n`,
      metadata_uuid: '1-2\n',
      sectorsize: '4096\n',
      nodesize: '4096\n',
      clone_alignment: '4096\n',
      quota_override: '0\n',
      'features/raid': '0\n',
      'devices/sda/size': '8\n',
      'allocation/global_rsv_size': '1\n',
      'allocation/global_rsv_reserved': '1\n',
      ...Object.assign({}, ...['data', 'metadata', 'system'].map((group) => below(`allocation/${group}`, allocation))),
    }),
  cpu: (odd) => ({ 'proc/cpuinfo': `processor\t: 1\nmodel name\t: ${odd}\nphysical id\t: 0\ncore id\t: 1\n\n` }),
  diskstats: (odd) => ({ 'proc/diskstats': `   8       0 ${word(odd)} ${'5 '.repeat(17)}\n` }),
  dmi: (odd) => ({ 'sys/class/dmi/id/product_name': `${odd}\n`, 'sys/class/dmi/id/sys_vendor': `${odd} ${odd}\n` }),
  edac: (odd) =>
    below('sys/devices/system/edac/mc/mc0', {
      ...Object.fromEntries(
        ['ce_count', 'ce_noinfo_count', 'ue_count', 'ue_noinfo_count'].map((file) => [file, '1\n']),
      ),
      ...below('csrow0', {
        ce_count: '1\n',
        ue_count: '1\n',
        ch0_ce_count: '1\n',
        ch0_ue_count: '1\n',
        ch0_dimm_label: `${odd}\n`,
      }),
    }),
  filesystem: (odd) => ({
    'proc/1/mountinfo': ['/a\\040b', `/${word(odd)}`, '/t\\011b', '/n\\012l', '/b\\134s', '/h\\043h']
      .map((at, i) => `${30 + i} 1 8:${i} / ${at} rw,relatime shared:${i} - ext4 /dev/${word(odd)} rw\n`)
      .join(''),
    'a b/x': '',
    [`${word(odd)}/x`]: '',
    't\tb/x': '',
  }),
  hwmon: (odd) =>
    below('sys/class/hwmon/hwmon0', {
      name: `${odd}\n`,
      temp1_input: '5000\n',
      temp1_label: `${odd}\n`,
      freq1_input: '7000000\n',
      freq1_label: `${odd}\n`,
    }),
  interrupts: (odd) => ({
    'proc/interrupts': `           CPU0\n  1:          9   IO-APIC   1-edge      ${odd}\n${word(odd)}:   3   ${odd}\n`,
  }),
  mdadm: (odd) => ({
    'proc/mdstat': file(
      'Personalities : [raid1]',
      `md_${word(odd)} : active raid1 sda1[0] sdb1[1]`,
      '      97 blocks super 1.2 [2/2] [UU]',
      '',
      'unused devices: <none>',
    ),
  }),
  netclass: (odd) =>
    below(`sys/class/net/${odd}`, { ifalias: `${odd}\n`, operstate: 'up\n', flags: '0x1003\n', mtu: '1500\n' }),
  netdev: (odd) => ({
    'proc/net/dev': `Inter-|   Receive  |  Transmit\n face |bytes |bytes\n  ${word(odd)}: ${'1 '.repeat(16)}\n`,
  }),
  nvme: (odd) =>
    below('sys/class/nvme/nvme0', {
      firmware_rev: `${odd}\n`,
      model: `${odd}   \n`,
      serial: `   ${odd}\n`,
      state: 'live\n',
      cntlid: '1\n',
    }),
  os: (odd) => ({
    'etc/os-release': file(
      'ID=x',
      `NAME='${odd.replaceAll("'", '')}'`,
      'VERSION="a \\"b\\" \\\\"',
      `PRETTY_NAME="${odd.replaceAll(/["\\]/g, '')}"`,
    ),
  }),
  powersupplyclass: (odd) =>
    below(`sys/class/power_supply/${odd}`, { type: 'Battery\n', model_name: `${odd}\n`, capacity: '5\n' }),
  rapl: (odd) =>
    below('sys/class/powercap/intel-rapl:0', { name: `${odd}-0\n`, energy_uj: '5\n', max_energy_range_uj: '9\n' }),
  slabinfo: (odd) => ({
    'proc/slabinfo': file(
      'slabinfo - version: 2.1',
      '# name <active_objs>',
      `${word(odd)} 1 2 3 4 5 : tunables 0 0 0 : slabdata 1 1 0`,
    ),
  }),
  swap: (odd) => ({ 'proc/swaps': `Filename Type Size Used Priority\n/${word(odd)}\\040swap file 1024 0 -2\n` }),
  sysctl: (odd) => ({ 'proc/sys/kernel/odd': `${odd}\n` }),
  textfile: (odd) => ({ [`text/${odd}.prom`]: `odd{name="${odd.replaceAll(/[\\"]/g, '\\$&')}"} 1\n` }),
  thermal_zone: (odd) =>
    below('sys/class/thermal', {
      'thermal_zone0/type': `${odd}\n`,
      'thermal_zone0/temp': '5\n',
      'thermal_zone0/policy': 'x\n',
      'cooling_device0/type': `${odd}\n`,
      'cooling_device0/cur_state': '1\n',
      'cooling_device0/max_state': '3\n',
    }),
  udev: (odd) => ({
    'proc/diskstats': `   9       0 sda ${'5 '.repeat(17)}\n`,
    'udev/b9:0': `E:ID_MODEL=${odd}\nE:ID_PATH=${odd}\nE:DM_NAME=${odd}\n`,
  }),
  watchdog: (odd) => below('sys/class/watchdog/watchdog0', { identity: `${odd}\n`, state: 'active\n' }),
  xfs: (odd) => ({ [`sys/fs/xfs/${odd}/stats/stats`]: xfsStats }),
  zfs: (odd) =>
    below('proc/spl/kstat/zfs', {
      [`${odd}/state`]: 'ONLINE\n',
      [`${odd}/objset-0x1`]: file(
        '1 1 0x01 7 2160 5 8',
        'name                            type data',
        `dataset_name                    7    ${odd}`,
        'writes                          4    5',
      ),
    }),
}

const allocation: Tree = {
  ...Object.fromEntries(
    ['may_use', 'pinned', 'readonly', 'reserved', 'used'].map((what) => [`bytes_${what}`, '4096\n']),
  ),
  ...Object.fromEntries(
    ['disk_total', 'disk_used', 'flags', 'total_bytes', 'total_bytes_pinned'].map((what) => [what, '4096\n']),
  ),
  'single/total_bytes': '4096\n',
  'single/used_bytes': '4096\n',
}

const xfsStats = `extent_alloc 1 2 3 4
abt 1 2 3 4
blk_map 1 2 3 4 5 6 7
bmbt 1 2 3 4
dir 1 2 3 4
trans 1 2 3
ig 1 2 3 4 5 6 7
log 1 2 3 4 5
push_ail 1 2 3 4 5 6 7 8 9 10
xstrat 1 2
rw 5 6
attr 1 2 3 4
icluster 1 2 3
vnodes 1 2 3 4 5 6 7 8
buf 1 2 3 4 5 6 7 8 9
xpc 1 2 3
`

const word = (odd: string): string => odd.replaceAll(' ', '')

/** Files that several collectors require. */
const commonFiles: Tree = {
  'proc/stat': 'cpu0 1 2 3 4 5 6 7 8 9 10\n',
  'proc/cpuinfo': 'processor\t: 0\nmodel name\t: plain\nphysical id\t: 0\ncore id\t: 0\n\n',
  'proc/self': { link: '1' },
  'sys/devices/system/cpu/cpu0/uevent': '',
}

/** Collectors in which node_exporter does not panic at invalid UTF-8. */
const safeInPeer = new Set(['diskstats', 'dmi', 'filesystem', 'hwmon', 'rapl', 'textfile'])

function treeOf(odd: string, has: (kind: string) => boolean): Tree {
  const selected = Object.entries(kinds).filter(([kind]) => has(kind))
  const masters: Tree = has('bonding') ? { 'sys/class/net/bonding_masters': `${word(odd)}0\n` } : {}
  return mergeTrees([masters, ...selected.map(([, make]) => make(odd))])
}

const flags = [
  ...only(...Object.keys(kinds).filter((kind) => kind !== 'udev')),
  '--collector.cpu.info',
  '--collector.textfile.directory=text',
  '--collector.sysctl.include-info=kernel.odd',
  '--no-collector.netdev.netlink',
]

const invalid = 'a\xffb'

export const names: readonly OddHost[] = [
  { name: 'names-quotes', tree: mergeTrees([commonFiles, treeOf('a "b\\c', () => true)]), flags },
  { name: 'names-utf8', tree: mergeTrees([commonFiles, treeOf(bytes('ü 雪{}=,'), () => true)]), flags },
  {
    name: 'names-bytes',
    tree: mergeTrees([commonFiles, treeOf(invalid, (kind) => safeInPeer.has(kind))]),
    extraTree: treeOf(invalid, (kind) => !safeInPeer.has(kind)),
    flags,
  },
]
