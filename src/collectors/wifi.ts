import { collectEach, collector, NoData, parseEach, text } from '../collector.ts'
import { type Dir, isMissing, type Network, nano, type Station, type WifiInterface } from '../host/index.ts'

import { counter, gauge } from '../metrics/index.ts'

const frequency = gauge('node_wifi_interface_frequency_hertz', 'Frequency of the channel of an interface.', ['device'])
const info = gauge('node_wifi_station_info', 'The network that an interface belongs to; always 1.', [
  'device',
  'bssid',
  'ssid',
  'mode',
])

const labels = ['device', 'mac_address'] as const
const statistic = (name: string, help: string, of: (station: Station) => number) =>
  [(name.endsWith('_total') ? counter : gauge)(`node_wifi_station_${name}`, help, labels), of] as const

const statistics = [
  statistic('connected_seconds_total', 'How long a station has been connected.', (one) => one.connectedSeconds),
  statistic('inactive_seconds', 'Time since the last traffic with a station.', (one) => one.inactiveSeconds),
  statistic('receive_bits_per_second', 'Bit rate of traffic from a station.', (one) => one.receiveBitRate),
  statistic('transmit_bits_per_second', 'Bit rate of traffic to a station.', (one) => one.transmitBitRate),
  statistic('receive_bytes_total', 'Bytes received from a station.', (one) => one.receivedBytes),
  statistic('transmit_bytes_total', 'Bytes sent to a station.', (one) => one.transmittedBytes),
  statistic('received_packets_total', 'Packets received from a station.', (one) => one.receivedPackets),
  statistic('transmitted_packets_total', 'Packets sent to a station.', (one) => one.transmittedPackets),
  statistic('signal_dbm', 'Strength of the last signal of a station.', (one) => one.signalDbm),
  statistic('transmit_retries_total', 'Packets that had to be sent again.', (one) => one.transmitRetries),
  statistic('transmit_failed_total', 'Packets that could not be sent.', (one) => one.transmitFailed),
  statistic('beacon_loss_total', 'Beacons of an access point that were missed.', (one) => one.beaconLosses),
]

/** https://docs.kernel.org/driver-api/80211/cfg80211.html */
export default collector({
  name: 'wifi',
  about: 'Reports the frequency, network and station statistics of wireless interfaces. Reads them by netlink.',
  enabled: false,
  options: { fixtures: text('', 'Directory with JSON files to read instead of querying the kernel; for tests.') },
  async collect({ kernel, dirAt, emit, options }) {
    const found =
      options.fixtures === ''
        ? await kernel.wifi().catch((error: unknown) => {
            throw isMissing(error) ? new NoData('no wireless devices') : error
          })
        : parseFixtures(dirAt(options.fixtures))
    collectEach(found, ({ name: device, frequencyMhz, network, stations, failure }) => {
      emit(frequency, frequencyMhz * 1e6, { device })
      if (network !== undefined) emit(info, 1, { device, ...network })
      for (const station of stations) {
        for (const [family, of] of statistics) emit(family, of(station), { device, mac_address: station.address })
      }
      if (failure !== undefined) throw failure
    })
  },
})

type Fixture = Readonly<Record<string, unknown>>

/** Parses the files of node_exporter's end-to-end test; a missing value is 0 or empty. */
function parseFixtures(fixtures: Dir): Generator<WifiInterface> {
  return parseEach(JSON.parse(fixtures.read('interfaces.json')) as Fixture[], (fixture) => {
    const name = String(fixture.name ?? '')
    if (name === '') return undefined
    const device = fixtures.at(name)
    const [bss, stations] = ['bss.json', 'stationinfo.json'].map((file) => device.readIfAny(file))
    return {
      name,
      frequencyMhz: Number(fixture.frequency ?? 0),
      network: bss === undefined ? undefined : parseNetwork(JSON.parse(bss)),
      stations: stations === undefined ? [] : (JSON.parse(stations) as Fixture[]).map(parseStation),
    }
  })
}

const fixtureModes: Readonly<Record<number, 'client' | 'ad-hoc'>> = { 0: 'client', 1: 'client', 3: 'ad-hoc' }

const parseNetwork = (fixture: Fixture): Network => ({
  ssid: String(fixture.ssid ?? ''),
  bssid: addressOf(fixture.bssid),
  mode: fixtureModes[Number(fixture.status ?? 0)] ?? 'unknown',
})

function parseStation(fixture: Fixture): Station {
  const number = (key: string) => Number(fixture[key] ?? 0)
  return {
    address: addressOf(fixture.hardwareaddr),
    connectedSeconds: nano(number('connected')) ?? 0,
    inactiveSeconds: nano(number('inactive')) ?? 0,
    receiveBitRate: number('receivebitrate'),
    transmitBitRate: number('transmitbitrate'),
    signalDbm: number('signal'),
    receivedBytes: number('receivedbytes'),
    transmittedBytes: number('transmittedbytes'),
    receivedPackets: number('receivedpackets'),
    transmittedPackets: number('transmittedpackets'),
    transmitRetries: number('transmitretries'),
    transmitFailed: number('transmitfailed'),
    beaconLosses: number('beaconloss'),
  }
}

const addressOf = (base64: unknown) =>
  Array.from(Buffer.from(String(base64 ?? ''), 'base64'), (byte) => byte.toString(16).padStart(2, '0')).join(':')
