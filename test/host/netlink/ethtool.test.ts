import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allLinkModes, ethtool } from '../../../src/host/netlink/ethtool.ts'
import { libcOf, message, netlinkOf, recorded } from '../../support/libc.ts'

type Handler = (bytes: Buffer) => void

/** A driver with these answers to ETHTOOL_… requests, without support for others. */
function driver(handlers: Readonly<Record<number, Handler>>) {
  const buffers: Buffer[] = []
  const devices = new Set<string>()
  const libc = libcOf({
    socket: () => 3,
    close() {},
    address: (of) => BigInt(buffers.push(of)),
    async ioctl(_socket, request, argument) {
      assert.equal(request, 0x8946)
      devices.add(argument.toString('utf8', 0, argument.indexOf(0)))
      const bytes = buffers[Number(argument.readBigUInt64LE(16)) - 1] ?? Buffer.alloc(0)
      const handler = handlers[bytes.readUInt32LE(0)]
      if (handler === undefined) throw Object.assign(new Error('ENOTSUP: ioctl'), { code: 'ENOTSUP' })
      handler(bytes)
      return 0
    },
  })
  return { libc, devices }
}

const names = ['rx_packets', 'tx_packets', 'a name as long as it can be, 32!!']
const counting: Handler = (bytes) => {
  assert.equal(bytes.readBigUInt64LE(8), 2n)
  bytes.writeUInt32LE(names.length, 16)
}
const strings =
  (count = names.length): Handler =>
  (bytes) => {
    assert.equal(bytes.readUInt32LE(4), 1)
    bytes.writeUInt32LE(count, 8)
    for (const [i, name] of names.entries()) bytes.write(name.slice(0, 32), 12 + 32 * i)
  }
const values: Handler = (bytes) => {
  bytes.writeUInt32LE(names.length, 4)
  for (const i of names.keys()) bytes.writeBigUInt64LE(BigInt(i) * 2n ** 40n, 8 + 8 * i)
}

test('a driver without support for a request is not a failure', async () => {
  const { libc, devices } = driver({})
  assert.deepEqual(await ethtool(libc, 'eth0'), {
    driver: undefined,
    settings: undefined,
    statistics: [],
    failures: [],
  })
  assert.deepEqual([...devices], ['eth0'])
})

test('the driver information is read', async () => {
  const { libc } = driver({
    3(bytes) {
      for (const [i, text] of ['e1000e', '5.11', '0.5-4', '0000:00:1f.6', ''].entries()) bytes.write(text, 4 + 32 * i)
    },
  })
  assert.deepEqual((await ethtool(libc, 'eth0')).driver, {
    name: 'e1000e',
    version: '5.11',
    firmware: '0.5-4',
    bus: '0000:00:1f.6',
    expansionRom: '',
  })
})

test('the masks of the settings have the length that the kernel reports', async () => {
  const { libc } = driver({
    76(bytes) {
      if (bytes.readInt8(15) === 0) return void bytes.writeInt8(-4, 15)
      assert.equal(bytes.readInt8(15), 4)
      bytes[11] = 1
      bytes[48] = 0b10
      bytes[48 + 15] = 0x80
      bytes[48 + 16] = 0b100
    },
  })
  const { settings } = await ethtool(libc, 'eth0')
  const set = (has: (bit: number) => boolean) => Array.from({ length: 300 }, (_, bit) => bit).filter(has)
  assert.equal(settings?.autonegotiation, true)
  assert.deepEqual([set(settings?.supported ?? Boolean), set(settings?.advertised ?? Boolean)], [[1, 127], [2]])
})

test('statistics are read by name, with room for more than the kernel reported', async () => {
  let room = 0
  const { libc } = driver({
    55: counting,
    27: strings(),
    29(bytes) {
      room = bytes.length
      values(bytes)
    },
  })
  assert.deepEqual((await ethtool(libc, 'eth0')).statistics, [
    ['rx_packets', 0],
    ['tx_packets', 2 ** 40],
    ['a name as long as it can be, 32!', 2 ** 41],
  ])
  assert.ok(room >= 8 + 8 * 2 * names.length)
})

test('statistics that change in number between requests are omitted', async () => {
  const { libc } = driver({ 55: counting, 27: strings(4), 29: values })
  const { statistics, failures } = await ethtool(libc, 'eth0')
  assert.deepEqual([statistics, failures], [[], []])
})

test('no names are requested from a driver without statistics', async () => {
  const none = driver({ 55: (bytes) => bytes.writeBigUInt64LE(0n, 8) })
  assert.deepEqual((await ethtool(none.libc, 'eth0')).statistics, [])
})

test('a failing request is reported, and the others have results', async () => {
  const { libc } = driver({
    3() {
      throw Object.assign(new Error('EIO: ioctl'), { code: 'EIO' })
    },
    55: counting,
    27: strings(),
    29: values,
  })
  const { failures, statistics } = await ethtool(libc, 'eth0')
  assert.deepEqual([failures, statistics.length], [['eth0: driver: EIO'], 3])
})

test('speed and duplex of all devices come in one answer', async () => {
  const family = Buffer.from('01020000060001002a000000', 'hex')
  const { libc } = netlinkOf((request) =>
    request.readUInt16LE(4) === 16 ? [message(16, family, 0)] : recorded('linkmodes').slice(1),
  )
  assert.deepEqual(
    [...(await allLinkModes(libc))],
    [
      [2, { speed: 10000, duplex: 1 }],
      [3, { speed: 10000, duplex: 255 }],
      [4, { speed: 10000, duplex: 1 }],
      [5, { speed: 10000, duplex: 1 }],
    ],
  )
})
