import assert from 'node:assert/strict'
import { test } from 'node:test'
import wifi from '../../src/collectors/wifi.ts'
import { failure } from '../../src/host/syscall/ffi.ts'
import { collect, collectAll } from '../support/collect.ts'

const station = {
  address: '00:11:22:33:44:55',
  connectedSeconds: 30,
  inactiveSeconds: 0.4,
  receiveBitRate: 866_600_000,
  transmitBitRate: 64_200_000,
  signalDbm: -52,
  receivedBytes: 1,
  transmittedBytes: 2,
  receivedPackets: 3,
  transmittedPackets: 4,
  transmitRetries: 5,
  transmitFailed: 6,
  beaconLosses: 7,
}
const of = 'device="wlan0",mac_address="00:11:22:33:44:55"'

test('it reports the frequency, the network and the stations of an interface', async () => {
  const network = { ssid: 'Café', bssid: '00:11:22:33:44:55', mode: 'client' } as const
  const kernel = { wifi: async () => [{ name: 'wlan0', frequencyMhz: 5180, network, stations: [station] }] }
  assert.deepEqual(await collect(wifi, { kernel }), [
    'node_wifi_interface_frequency_hertz{device="wlan0"} 5.18e+09',
    `node_wifi_station_beacon_loss_total{${of}} 7`,
    `node_wifi_station_connected_seconds_total{${of}} 30`,
    `node_wifi_station_inactive_seconds{${of}} 0.4`,
    'node_wifi_station_info{bssid="00:11:22:33:44:55",device="wlan0",mode="client",ssid="Café"} 1',
    `node_wifi_station_receive_bits_per_second{${of}} 8.666e+08`,
    `node_wifi_station_receive_bytes_total{${of}} 1`,
    `node_wifi_station_received_packets_total{${of}} 3`,
    `node_wifi_station_signal_dbm{${of}} -52`,
    `node_wifi_station_transmit_bits_per_second{${of}} 6.42e+07`,
    `node_wifi_station_transmit_bytes_total{${of}} 2`,
    `node_wifi_station_transmit_failed_total{${of}} 6`,
    `node_wifi_station_transmit_retries_total{${of}} 5`,
    `node_wifi_station_transmitted_packets_total{${of}} 4`,
  ])
})

test('a host without wireless devices, or without permission, gives no data', async () => {
  for (const errno of [2, 1]) {
    const { success, logged } = await collectAll(wifi, {
      kernel: { wifi: () => Promise.reject(failure('netlink', errno)) },
    })
    assert.equal(success, false)
    assert.match(logged.join(), /^debug Collector has no data/)
  }
})

test('fixtures replace the kernel', async () => {
  const elsewhere = {
    'w/interfaces.json': '[{"name":"wlan0","type":2,"frequency":2412},{"name":"wlan1"},{"type":10}]',
    'w/wlan0/bss.json': '{"ssid":"Example","bssid":"ABEiM0RV","status":3}',
    'w/wlan0/stationinfo.json': '[{"hardwareaddr":"qrvM3e7/","connected":30000000000,"signal":-52}]',
  }
  const lines = await collect(wifi, { elsewhere, options: { fixtures: 'w' } })
  assert.equal(lines.length, 15)
  const station = 'device="wlan0",mac_address="aa:bb:cc:dd:ee:ff"'
  for (const line of [
    'node_wifi_interface_frequency_hertz{device="wlan0"} 2.412e+09',
    'node_wifi_interface_frequency_hertz{device="wlan1"} 0',
    'node_wifi_station_info{bssid="00:11:22:33:44:55",device="wlan0",mode="ad-hoc",ssid="Example"} 1',
    `node_wifi_station_connected_seconds_total{${station}} 30`,
    `node_wifi_station_signal_dbm{${station}} -52`,
    `node_wifi_station_receive_bytes_total{${station}} 0`,
  ])
    assert.ok(lines.includes(line), line)
})

test('missing or truncated fixtures are a failure', async () => {
  for (const elsewhere of [{}, { 'w/interfaces.json': '[{' }])
    assert.equal((await collectAll(wifi, { elsewhere, options: { fixtures: 'w' } })).success, false)
})

test('without system calls the failure says so', async () => {
  assert.match((await collectAll(wifi)).logged.join(), /no system calls on this host/)
})
