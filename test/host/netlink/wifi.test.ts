import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '../../../src/host/fs/files.ts'
import { attribute } from '../../../src/host/netlink/socket.ts'
import { wifi } from '../../../src/host/netlink/wifi.ts'
import { done, message, netlinkOf, refused } from '../../support/libc.ts'

const family = Buffer.from('01020000060001001c000000', 'hex')
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)
const address = Buffer.from('001122334455', 'hex')

const answerOf = (...given: readonly Buffer[]) => message(28, Buffer.concat([Buffer.alloc(4), ...given]))
const nested = (type: number, ...given: readonly Buffer[]) => attribute(type | 0x8000, Buffer.concat(given))

const wlan0 = answerOf(attribute(3, u32(7)), attribute(4, Buffer.from('wlan0\0')), attribute(38, u32(2412)))
const nameless = answerOf(attribute(3, u32(8)))

/** A kernel with a wireless device, with answers for the commands scan (32) and stations (17). */
function kernel(byCommand: Readonly<Record<number, readonly Buffer[]>>) {
  return netlinkOf((request) => {
    if (request.readUInt16LE(4) === 16) return [message(16, family, 0)]
    return byCommand[request.readUInt8(16)] ?? [done()]
  })
}

test('an interface has a name and a frequency; one without a name is omitted', async () => {
  const { libc, requests } = kernel({ 5: [wlan0, nameless, done()] })
  assert.deepEqual(await wifi(libc), [{ name: 'wlan0', frequencyMhz: 2412, network: undefined, stations: [] }])
  assert.equal(requests.at(-1)?.readUInt32LE(24), 7, 'asked for by its index')
})

test('the network of an interface is the one with a status', async () => {
  const elements = Buffer.concat([
    Buffer.from([1, 2, 9, 9]),
    Buffer.from([0, 4]),
    Buffer.from('Caf\xc3\xa9', 'latin1').subarray(0, 4),
  ])
  const heard = (...given: readonly Buffer[]) => answerOf(nested(47, attribute(1, address), ...given))
  const scan = [heard(), heard(attribute(6, elements), attribute(9, u32(2))), done()]
  const [found] = await wifi(kernel({ 5: [wlan0, done()], 32: scan }).libc)
  assert.deepEqual(found?.network, { ssid: 'Caf\uFFFD', bssid: '00:11:22:33:44:55', mode: 'ad-hoc' })
})

test('a hidden network has an empty name', async () => {
  for (const elements of [Buffer.from([0, 0]), Buffer.alloc(0), Buffer.from([3, 200, 1])]) {
    const scan = [answerOf(nested(47, attribute(6, elements), attribute(9, u32(1)))), done()]
    const [found] = await wifi(kernel({ 5: [wlan0, done()], 32: scan }).libc)
    assert.deepEqual(found?.network, { ssid: '', bssid: '', mode: 'client' })
  }
})

test('a station has its counters, 64-bit ones preferred', async () => {
  const station = answerOf(
    attribute(6, address),
    nested(
      21,
      attribute(16, u32(30)),
      attribute(1, u32(1500)),
      attribute(2, u32(1)),
      attribute(3, u32(2)),
      attribute(23, Buffer.from('0000000001000000', 'hex')),
      attribute(7, Buffer.from([256 - 52])),
      nested(8, attribute(1, Buffer.from([0x82, 0x02]))),
      nested(14, attribute(1, Buffer.from([0, 0])), attribute(5, u32(8666))),
      ...[9, 10, 11, 12, 18].map((type) => attribute(type, u32(type))),
    ),
  )
  const [found] = await wifi(kernel({ 5: [wlan0, done()], 17: [station, done()] }).libc)
  assert.deepEqual(found?.stations, [
    {
      address: '00:11:22:33:44:55',
      connectedSeconds: 30,
      inactiveSeconds: 1.5,
      receiveBitRate: 866_600_000,
      transmitBitRate: 64_200_000,
      signalDbm: -52,
      receivedBytes: 2 ** 32,
      transmittedBytes: 2,
      receivedPackets: 9,
      transmittedPackets: 10,
      transmitRetries: 11,
      transmitFailed: 12,
      beaconLosses: 18,
    },
  ])
})

test('a driver without support for stations or scans returns none; other errors are failures', async () => {
  const quiet = kernel({ 5: [wlan0, done()], 17: [refused(95)], 32: [refused(95)] })
  assert.deepEqual((await wifi(quiet.libc))[0]?.stations, [])
  const [failed] = await wifi(kernel({ 5: [wlan0, done()], 17: [refused(5)] }).libc)
  assert.equal(failed?.name, 'wlan0')
  assert.equal(codeOf(failed.failure), 'EIO')
})

test('without nl80211 wifi throws ENOENT', async () => {
  await assert.rejects(wifi(netlinkOf(() => [refused(2)]).libc), { code: 'ENOENT' })
})
