import { below, type OddHost, only, range, type Tree } from './host.ts'

/* 500 network devices, most of them of containers. */

const devices = ['lo', 'eth0', 'bond0', 'eth1', ...range(496).map((i) => `veth${i.toString(16).padStart(7, '0')}`)]

const device = (name: string, i: number): Tree => ({
  addr_assign_type: '3\n',
  addr_len: '6\n',
  address: `02:42:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}\n`,
  broadcast: 'ff:ff:ff:ff:ff:ff\n',
  carrier: `${i % 2}\n`,
  carrier_changes: `${i}\n`,
  carrier_down_count: `${i}\n`,
  carrier_up_count: '1\n',
  dev_id: '0x0\n',
  dormant: '0\n',
  duplex: i % 3 === 0 ? 'unknown\n' : 'full\n',
  flags: '0x1003\n',
  ifalias: i % 5 === 0 ? 'container 5\n' : '\n',
  ifindex: `${i + 1}\n`,
  iflink: `${i + 2}\n`,
  link_mode: '0\n',
  mtu: '1500\n',
  name_assign_type: '3\n',
  netdev_group: '0\n',
  operstate: name === 'lo' ? 'unknown\n' : i % 2 === 0 ? 'up\n' : 'lowerlayerdown\n',
  speed: i % 7 === 0 ? '-1\n' : '10000\n',
  tx_queue_len: '1000\n',
  type: '1\n',
})

const tree: Tree = {
  'proc/net/dev': [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier',
    ...devices.map(
      (name, i) =>
        `${name.padStart(6)}: ${range(16)
          .map((column) => 2 ** 40 * i + column)
          .join(' ')}`,
    ),
    '',
  ].join('\n'),
  'proc/net/arp': [
    'IP address       HW type     Flags       HW address            Mask     Device',
    ...devices.flatMap((name, i) =>
      range(i % 3).map(
        (n) => `10.0.${i & 255}.${n + 2}         0x1         0x2         02:42:0a:00:00:0${n}     *        ${name}`,
      ),
    ),
    '',
  ].join('\n'),
  'sys/class/net/bonding_masters': 'bond0\n',
  'sys/class/net/bond0/bonding/slaves': 'eth0 eth1\n',
  'sys/class/net/bond0/lower_eth0/bonding_slave/mii_status': 'up\n',
  'sys/class/net/bond0/lower_eth1/bonding_slave/mii_status': 'down\n',
  ...Object.assign({}, ...devices.map((name, i) => below(`sys/class/net/${name}`, device(name, i)))),
}

const flags = [
  ...only('arp', 'bonding', 'netclass', 'netdev'),
  '--no-collector.arp.netlink',
  '--no-collector.netdev.netlink',
]

export const devicesHosts: readonly OddHost[] = [
  { name: 'devices', tree, flags },
  {
    name: 'devices-chosen',
    tree,
    flags: [
      ...flags,
      '--collector.arp.device-exclude=^veth',
      '--collector.netclass.ignored-devices=^veth.*[0-7]$',
      '--collector.netclass.ignore-invalid-speed',
      '--collector.netdev.device-include=^(eth|bond)',
      '--collector.netdev.label-ifalias',
    ],
  },
]
