import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import netdev from '../../src/collectors/netdev.ts'
import { type Link, type Statistics, statisticNames } from '../../src/host/netlink/links.ts'
import { NoKernel } from '../../src/host/syscall/ffi.ts'
import { collect, collectAll, valuesOf } from '../support/collect.ts'

/** Every counter has a different power of two, so that a sum identifies its parts. */
const powers = Object.fromEntries(statisticNames.map((name, i) => [name, 2 ** i])) as Required<Statistics>
const sum = (...names: (keyof Statistics)[]) => names.reduce((all, name) => all + powers[name], 0)

const links = (...names: string[]) => ({
  links: () => Promise.resolve(names.map((name) => ({ name, statistics: powers }) as Link)),
})
const inSysfs = (name: string) =>
  Object.fromEntries(statisticNames.map((file) => [`class/net/${name}/statistics/${file}`, `${powers[file]}\n`]))

const values = (lines: readonly string[]): Record<string, number> =>
  Object.fromEntries(lines.map((line) => [/^node_network_(\w+)/.exec(line)?.[1] ?? '', Number(line.split(' ')[1])]))

const heading = 'Inter-|   Receive  |  Transmit\n face |bytes packets …|bytes packets …\n'
const netDev = `${heading}    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n`

describe('by netlink', () => {
  test('counters are summed as in /proc/net/dev', async () => {
    assert.deepEqual(values(await collect(netdev, { kernel: links('eth0') })), {
      receive_bytes_total: sum('rx_bytes'),
      receive_compressed_total: sum('rx_compressed'),
      receive_drop_total: sum('rx_dropped', 'rx_missed_errors'),
      receive_errs_total: sum('rx_errors'),
      receive_fifo_total: sum('rx_fifo_errors'),
      receive_frame_total: sum('rx_length_errors', 'rx_over_errors', 'rx_crc_errors', 'rx_frame_errors'),
      receive_multicast_total: sum('multicast'),
      receive_nohandler_total: sum('rx_nohandler'),
      receive_packets_total: sum('rx_packets'),
      transmit_bytes_total: sum('tx_bytes'),
      transmit_carrier_total: sum('tx_carrier_errors', 'tx_aborted_errors', 'tx_window_errors', 'tx_heartbeat_errors'),
      transmit_colls_total: sum('collisions'),
      transmit_compressed_total: sum('tx_compressed'),
      transmit_drop_total: sum('tx_dropped'),
      transmit_errs_total: sum('tx_errors'),
      transmit_fifo_total: sum('tx_fifo_errors'),
      transmit_packets_total: sum('tx_packets'),
    })
  })

  test('or are reported separately', async () => {
    const found = values(await collect(netdev, { kernel: links('eth0'), options: { 'enable-detailed-metrics': true } }))
    assert.equal(Object.keys(found).length, statisticNames.length)
    assert.equal(found.receive_missed_errors_total, powers.rx_missed_errors)
    assert.equal(found.transmit_window_errors_total, powers.tx_window_errors)
    assert.equal(found.collisions_total, powers.collisions)
    assert.equal(found.multicast_total, powers.multicast)
  })

  test('a counter that an older kernel does not have is left out', async () => {
    const kernel = { links: () => Promise.resolve([{ name: 'eth0', statistics: { rx_bytes: 7 } } as unknown as Link]) }
    assert.deepEqual(await collect(netdev, { kernel }), ['node_network_receive_bytes_total{device="eth0"} 7'])
  })

  test('an error of netlink is a failure; only a host without system calls uses sysfs', async () => {
    const failing = (error: Error) => ({ kernel: { links: () => Promise.reject(error) }, sys: inSysfs('eth0') })
    assert.equal((await collectAll(netdev, failing(new Error('ENOBUFS')))).success, false)
    assert.equal((await collectAll(netdev, failing(new NoKernel('no koffi')))).success, true)
  })
})

describe('from files, which cost less than netlink', () => {
  const nohandler = (name: string, text = '17\n') => ({ [`class/net/${name}/statistics/rx_nohandler`]: text })

  test('counters are those of /proc/net/dev and rx_nohandler of sysfs', async () => {
    const found = values(await collect(netdev, { proc: { 'net/dev': netDev }, sys: nohandler('lo') }))
    assert.deepEqual(
      Object.values(found).toSorted((a, b) => a - b),
      Array.from({ length: 17 }, (_, i) => i + 1),
    )
    assert.equal(found.receive_nohandler_total, 17)
  })

  test('netlink is used if a file is missing or detailed counters are requested', async () => {
    const answered = async (given: object) =>
      (await collect(netdev, { kernel: links('eth0'), proc: { 'net/dev': netDev }, sys: nohandler('lo'), ...given }))[0]
    assert.match((await answered({})) ?? '', /device="lo"/)
    assert.match((await answered({ sys: {} })) ?? '', /device="eth0"/)
    assert.match((await answered({ proc: {} })) ?? '', /device="eth0"/)
    assert.match((await answered({ options: { 'enable-detailed-metrics': true } })) ?? '', /device="eth0"/)
  })

  test('an excluded interface needs no file', async () => {
    const proc = { 'net/dev': `${netDev}  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n` }
    const lines = await collect(netdev, { proc, sys: nohandler('lo'), options: { 'device-exclude': 'eth0' } })
    assert.equal(lines.length, 17)
  })
})

describe('from sysfs', () => {
  test('the counters are the same', async () => {
    const byNetlink = await collect(netdev, { kernel: links('eth0') })
    const sys = { ...inSysfs('eth0'), 'class/net/bonding_masters': 'bond0\n' }
    assert.deepEqual(await collect(netdev, { sys }), byNetlink)
  })
})

describe('from /proc/net/dev', () => {
  const options = { netlink: false }

  test('the columns are the sums', async () => {
    const found = values(await collect(netdev, { proc: { 'net/dev': netDev }, options }))
    assert.deepEqual(
      Object.values(found).toSorted((a, b) => a - b),
      Array.from({ length: 16 }, (_, i) => i + 1),
    )
    assert.equal(found.receive_multicast_total, 8)
    assert.equal(found.transmit_colls_total, 14)
    assert.equal(found.receive_nohandler_total, undefined)
  })

  test('two detailed metrics have longer names, and there are no others', async () => {
    const detailed = { ...options, 'enable-detailed-metrics': true }
    const found = values(await collect(netdev, { proc: { 'net/dev': netDev }, options: detailed }))
    assert.equal(Object.keys(found).length, 16)
    assert.equal(found.receive_errors_total, 3)
    assert.equal(found.transmit_dropped_total, 12)
    assert.equal(found.receive_fifo_total, 5)
  })

  test('the first counter may follow the name without a blank, and a name may contain a colon', async () => {
    const proc = { 'net/dev': `${heading}eth0:1:17 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n` }
    assert.ok(
      (await collect(netdev, { proc, options })).includes('node_network_receive_bytes_total{device="eth0:1"} 17'),
    )
  })

  test('a file with only headers is a host without interfaces', async () => {
    for (const text of ['', heading]) {
      const { lines, success } = await collectAll(netdev, { proc: { 'net/dev': text }, options })
      assert.deepEqual([lines, success], [[], true])
    }
  })

  test('a truncated or invalid line is a failure', async () => {
    for (const line of ['eth0: 1 2 3', 'eth0', '', 'eth0: 1 2 3 4 x 6 7 8 9 10 11 12 13 14 15 16']) {
      const { success, logged } = await collectAll(netdev, { proc: { 'net/dev': `${heading}${line}\n` }, options })
      assert.equal(success, false)
      assert.match(logged.join(), /net\/dev: .* is not an interface/)
    }
  })

  test('a missing file is a failure', async () => {
    const { success, logged } = await collectAll(netdev, { options })
    assert.equal(success, false)
    assert.match(logged.join(), /^error.*ENOENT/)
  })
})

describe('interfaces', () => {
  const devices = async (given: object) => {
    const lines = await collect(netdev, { kernel: links('eth0', 'eth1', 'lo'), ...given })
    return [...new Set(lines.map((line) => /device="([^"]*)"/.exec(line)?.[1]))]
  }

  test('are selected by the filter of this collector and by the common filter', async () => {
    assert.deepEqual(await devices({ options: { 'device-include': '^eth' } }), ['eth0', 'eth1'])
    assert.deepEqual(await devices({ options: { 'device-exclude': '0$' } }), ['eth1', 'lo'])
    assert.deepEqual(await devices({ interfaces: (name: string) => name !== 'lo' }), ['eth0', 'eth1'])
  })

  test('are selected by the former names of the options', async () => {
    assert.deepEqual(await devices({ options: { 'device-whitelist': '^eth' } }), ['eth0', 'eth1'])
    assert.deepEqual(await devices({ options: { 'device-blacklist': '^eth' } }), ['lo'])
  })

  test('cannot be selected by an option and its former name together', () => {
    for (const options of [
      { 'device-include': 'a', 'device-exclude': 'b' },
      { 'device-whitelist': 'a', 'device-exclude': 'b' },
      { 'device-include': 'a', 'device-whitelist': 'b' },
      { 'device-exclude': 'a', 'device-blacklist': 'b' },
    ])
      assert.throws(() => netdev.state(valuesOf(netdev.options, options)), /cannot both be set/)
  })

  test('that are excluded are not read', async () => {
    const sys = { ...inSysfs('eth0'), 'class/net/eth1/statistics/rx_bytes': { error: 'EIO' } }
    assert.equal((await collectAll(netdev, { sys, options: { 'device-exclude': 'eth1' } })).success, true)
  })

  test('have their alias as a label if the option is set, empty without an alias', async () => {
    const sys = { 'class/net/eth0/ifalias': 'uplink\n' }
    const given = { kernel: links('eth0', 'lo'), sys, options: { 'label-ifalias': true } }
    assert.deepEqual(
      (await collect(netdev, given)).filter((line) => line.includes('receive_bytes')),
      [
        'node_network_receive_bytes_total{device="eth0",ifalias="uplink"} 4',
        'node_network_receive_bytes_total{device="lo",ifalias=""} 4',
      ],
    )
  })

  test('report their addresses if the option is set', async () => {
    const found = [
      { device: 'eth0', address: '192.0.2.7', netmask: '24' },
      { device: 'eth0', address: 'fe80::1', netmask: '64' },
      { device: 'eth0', address: '2001:db8::1', netmask: '64' },
      { device: 'lo', address: '127.0.0.1', netmask: '8' },
      { device: 'lo', address: '::1', netmask: '128' },
      { device: 'eth1', address: '192.0.2.8', netmask: '24' },
    ]
    const options = { 'address-info': true, 'device-exclude': 'eth1' }
    const byKernel = { ...links(), addresses: () => Promise.resolve(found) }
    const byNode = { facts: { addresses: () => found }, proc: { 'net/dev': '' } }
    assert.deepEqual(
      await collect(netdev, { ...byNode, options }),
      await collect(netdev, { kernel: byKernel, options }),
    )
    assert.deepEqual(await collect(netdev, { kernel: byKernel, options }), [
      'node_network_address_info{address="127.0.0.1",device="lo",netmask="8",scope="link-local"} 1',
      'node_network_address_info{address="192.0.2.7",device="eth0",netmask="24",scope="global"} 1',
      'node_network_address_info{address="2001:db8::1",device="eth0",netmask="64",scope="global"} 1',
      'node_network_address_info{address="::1",device="lo",netmask="128",scope="link-local"} 1',
      'node_network_address_info{address="fe80::1",device="eth0",netmask="64",scope="link-local"} 1',
    ])
  })
})
