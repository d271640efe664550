import { isMissing } from '../fs/dir.ts'
import { decodeUtf8 } from '../fs/text.ts'
import type { Libc } from '../syscall/ffi.ts'
import { command, familyId } from './generic.ts'
import { hardwareAddress } from './links.ts'
import { attribute, attributesOf, numberIn, textIn } from './socket.ts'

/* Wireless devices: include/uapi/linux/nl80211.h, https://docs.kernel.org/driver-api/80211/cfg80211.html */

export interface WifiInterface {
  readonly name: string
  /** 0 if it has no channel. */
  readonly frequencyMhz: number
  /** The network that it is connected to. */
  readonly network: Network | undefined
  readonly stations: readonly Station[]
  /** The first failed query of this interface; what the others returned is in the result. */
  readonly failure?: unknown
}

export interface Network {
  readonly ssid: string
  readonly bssid: string
  readonly mode: 'client' | 'ad-hoc' | 'unknown'
}

/** The peer of a connection: an access point or a client. */
export interface Station {
  readonly address: string
  readonly connectedSeconds: number
  readonly inactiveSeconds: number
  readonly receiveBitRate: number
  readonly transmitBitRate: number
  readonly signalDbm: number
  readonly receivedBytes: number
  readonly transmittedBytes: number
  readonly receivedPackets: number
  readonly transmittedPackets: number
  readonly transmitRetries: number
  readonly transmitFailed: number
  readonly beaconLosses: number
}

type Attributes = ReadonlyMap<number, Buffer>

const commands = { getInterface: 5, getStation: 17, getScan: 32 } as const
const ids = { index: 3, name: 4, address: 6, station: 21, frequency: 38, bss: 47 } as const

/** Every interface with a name (peer-to-peer interfaces have none). Throws ENOENT if the kernel has no nl80211. */
export async function wifi(libc: Libc): Promise<readonly WifiInterface[]> {
  const family = await familyId(libc, 'nl80211')
  const found: { readonly index: Buffer; readonly name: string; readonly frequencyMhz: number }[] = []
  await command(libc, family, { number: commands.getInterface, dump: true }, (attributes) => {
    const index = attributes.get(ids.index)
    const name = textIn(attributes.get(ids.name)) ?? ''
    if (index === undefined || name === '') return
    found.push({ index: Buffer.from(index), name, frequencyMhz: numberIn(attributes.get(ids.frequency)) ?? 0 })
  })
  return Promise.all(
    found.map(async ({ index, ...rest }) => {
      const of = [attribute(ids.index, index)]
      const networks: Network[] = []
      const stations: Station[] = []
      try {
        await commandIfSupported(
          libc,
          family,
          { number: commands.getScan, dump: true, attributes: of },
          (attributes) => {
            const network = networkOf(attributes.get(ids.bss))
            if (network !== undefined) networks.push(network)
          },
        )
        await commandIfSupported(
          libc,
          family,
          { number: commands.getStation, dump: true, attributes: of },
          (attributes) => {
            stations.push(stationOf(attributes))
          },
        )
      } catch (failure) {
        return { ...rest, network: networks[0], stations, failure }
      }
      return { ...rest, network: networks[0], stations }
    }),
  )
}

/** As `command`, but without an error if the driver does not support the command. */
async function commandIfSupported(...parameters: Parameters<typeof command>): Promise<void> {
  try {
    await command(...parameters)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}

const modes = ['client', 'client', 'ad-hoc'] as const

/** NL80211_BSS_…: of all networks in the scan, only the connected one has a status (9). */
function networkOf(bytes: Buffer | undefined): Network | undefined {
  const attributes = bytes === undefined ? undefined : attributesOf(bytes)
  const status = numberIn(attributes?.get(9))
  if (status === undefined) return undefined
  return {
    ssid: ssidIn(attributes?.get(6)),
    bssid: hardwareAddress(attributes?.get(1)),
    mode: modes[status] ?? 'unknown',
  }
}

/** Information elements of IEEE 802.11: number, length, value; the SSID is number 0. */
function ssidIn(elements: Buffer | undefined): string {
  if (elements === undefined) return ''
  for (let at = 0; at + 2 <= elements.length; ) {
    const [number, length = 0] = elements.subarray(at, at + 2)
    if (number === 0) return decodeUtf8(elements.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return ''
}

/** NL80211_STA_INFO_…; newer kernels send a 64-bit counter in addition to the 32-bit one. */
export function stationOf(message: Attributes): Station {
  const attributes: Attributes = attributesOf(message.get(ids.station) ?? Buffer.alloc(0))
  const count = (...numbers: readonly number[]) =>
    numbers.map((number) => numberIn(attributes.get(number))).find((value) => value !== undefined) ?? 0
  return {
    address: hardwareAddress(message.get(ids.address)),
    connectedSeconds: count(16),
    inactiveSeconds: count(1) / 1000,
    receiveBitRate: bitRate(attributes.get(14)),
    transmitBitRate: bitRate(attributes.get(8)),
    signalDbm: attributes.get(7)?.readInt8() ?? 0,
    receivedBytes: count(23, 2),
    transmittedBytes: count(24, 3),
    receivedPackets: count(9),
    transmittedPackets: count(10),
    transmitRetries: count(11),
    transmitFailed: count(12),
    beaconLosses: count(18),
  }
}

/** NL80211_RATE_INFO_…: in units of 100 kbit/s, as a 32-bit or 16-bit number. */
function bitRate(bytes: Buffer | undefined): number {
  const attributes: Attributes = bytes === undefined ? new Map() : attributesOf(bytes)
  return (numberIn(attributes.get(5)) ?? numberIn(attributes.get(1)) ?? 0) * 100_000
}
