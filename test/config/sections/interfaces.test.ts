import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import arp from '../../../src/collectors/arp.ts'
import ethtool from '../../../src/collectors/ethtool.ts'
import { collectors } from '../../../src/collectors/index.ts'
import netclass from '../../../src/collectors/netclass.ts'
import netdev from '../../../src/collectors/netdev.ts'
import qdisc from '../../../src/collectors/qdisc.ts'
import type { ConfigError } from '../../../src/config/error.ts'
import { configFlags, readConfig } from '../../../src/config/index.ts'
import { parseFlags } from '../../../src/util/flags.ts'
import { collectAll } from '../../support/collect.ts'
import { outputKinds } from '../../support/outputs.ts'
import { temporary } from '../../support/servers.ts'

type Interfaces = Readonly<Record<'include' | 'exclude', string>>

function configured(t: TestContext, args: readonly string[], interfaces: Partial<Interfaces> = {}) {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify({ interfaces }))
  const { flags } = parseFlags([...args, `--config.file=${file}`], configFlags(collectors))
  return readConfig({ flags, environment: {}, collectors, outputKinds })
}

const names = ['eth0', 'eth1', 'veth0', 'lo']
const passed = async (...given: Parameters<typeof configured>) =>
  names.filter((await configured(...given)).interfaces).join()

test('the interface filter comes from the file or from flags, and a flag takes precedence', async (t) => {
  assert.equal(await passed(t, []), 'eth0,eth1,veth0,lo')
  assert.equal(await passed(t, [], { exclude: '^(veth|lo)' }), 'eth0,eth1')
  assert.equal(await passed(t, ['--interfaces.exclude=^veth']), 'eth0,eth1,lo')
  assert.equal(await passed(t, ['--interfaces.include=^eth']), 'eth0,eth1')
  assert.equal(await passed(t, ['--interfaces.exclude', '^eth'], { exclude: '^veth' }), 'veth0,lo')
  assert.equal(await passed(t, ['--interfaces.exclude='], { exclude: '^veth' }), 'eth0,eth1,veth0,lo')
})

test('both parts of the filter together, and an invalid pattern, are errors with their place', async (t) => {
  const problems = async (...given: Parameters<typeof configured>) =>
    configured(...given).then(
      () => assert.fail('expected an error'),
      (error: ConfigError) => error.problems.join('\n').replace(/^\S+config\.json: /, ''),
    )
  const both = 'interfaces: include and exclude cannot both be set'
  assert.equal(await problems(t, ['--interfaces.include=a'], { exclude: 'b' }), both)
  assert.match(
    await problems(t, ['--interfaces.exclude=(']),
    /^--interfaces\.exclude: "\(" is not a regular expression/,
  )
  assert.match(await problems(t, [], { include: '(?=a)' }), /^interfaces\.include: /)
})

/** All that there is to read of veth0 fails. */
const sys = {
  'class/net/eth0/operstate': 'up\n',
  'class/net/eth0/statistics/rx_nohandler': '3\n',
  'class/net/veth0/operstate': { error: 'EIO' },
  'class/net/veth0/speed': { error: 'EIO' },
  'class/net/veth0/ifalias': { error: 'EIO' },
  'class/net/veth0/statistics/rx_nohandler': { error: 'EIO' },
}
const counters = (device: string) => `${device}: ${'1 '.repeat(16)}\n`
const neighbour = (device: string) => `10.0.0.1 0x1 0x2 00:00:5e:00:53:01 * ${device}\n`
const proc = {
  'net/dev': `a\nb\n${counters('eth0')}${counters('veth0')}`,
  'net/arp': `${neighbour('eth0')}${neighbour('veth0')}`,
}
const elsewhere = { 'q/results.json': '[{"IfaceName":"eth0","Kind":"fq"},{"IfaceName":"veth0","Kind":"fq"}]' }
const kernel = {
  ethtool: async (device: string) => {
    assert.equal(device, 'eth0')
    return { driver: undefined, settings: undefined, statistics: [['rx_errors', 1] as const], failures: [] }
  },
}

test('every collector of interfaces applies the filter before it reads a file of an interface', async () => {
  const options = new Map<unknown, object>([
    [arp, { netlink: false }],
    [netdev, { 'label-ifalias': true }],
    [qdisc, { fixtures: 'q' }],
  ])
  for (const one of [arp, ethtool, netclass, netdev, qdisc]) {
    const given = { proc, sys, elsewhere, kernel, options: { ...options.get(one) } }
    const { lines, success } = await collectAll(one, { ...given, interfaces: (name) => name !== 'veth0' })
    assert.ok(success, one.name)
    assert.ok(lines.length > 0 && lines.every((line) => line.includes('device="eth0"')), `${one.name}: ${lines}`)
  }
})
