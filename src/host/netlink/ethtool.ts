import { codeOf } from '../fs/files.ts'
import type { Libc } from '../syscall/ffi.ts'
import { command, familyId } from './generic.ts'
import { attribute, attributesOf, numberIn, textIn } from './socket.ts'

/* What a network driver says of a device: include/uapi/linux/ethtool.h, https://docs.kernel.org/networking/ethtool-netlink.html */

export interface Ethtool {
  readonly driver: Driver | undefined
  readonly settings: Settings | undefined
  /** The driver's statistics under the driver's names, in its order. */
  readonly statistics: readonly (readonly [name: string, value: number])[]
  /** Errors of requests that the driver supports. */
  readonly failures: readonly string[]
}

export interface Driver {
  readonly name: string
  readonly version: string
  readonly firmware: string
  readonly bus: string
  readonly expansionRom: string
}

export interface Settings {
  readonly autonegotiation: boolean
  readonly supported: Modes
  readonly advertised: Modes
}

/** Whether an ETHTOOL_LINK_MODE_… bit is set. */
export type Modes = (bit: number) => boolean

/** A device's speed in Mbit/s and DUPLEX_…; unknown values are 4294967295 and 255. */
export interface LinkMode {
  readonly speed: number | undefined
  readonly duplex: number | undefined
}

const requests = { driver: 0x03, strings: 0x1b, statistics: 0x1d, counts: 0x37, settings: 0x4c } as const
const siocEthtool = 0x8946
const internetDatagram = { domain: 2, type: 2 | 0x80000 } as const
const interfaceNameBytes = 16
const stringBytes = 32
const statisticsSet = 1

/** Errors of a driver without support for a request, or of a device that was just removed. */
const notOffered = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENODEV'])

export async function ethtool(libc: Libc, device: string): Promise<Ethtool> {
  const socket = libc.socket(internetDatagram.domain, internetDatagram.type, 0)
  const failures: string[] = []
  const ifSupported = async <T>(what: string, ask: Promise<T>): Promise<T | undefined> => {
    try {
      return await ask
    } catch (error) {
      if (!notOffered.has(codeOf(error))) failures.push(`${device}: ${what}: ${codeOf(error)}`)
      return undefined
    }
  }
  const call: Call = async (bytes) => {
    // struct ifreq: the name, and a pointer to the request.
    const request = Buffer.alloc(40)
    request.write(device, 0, interfaceNameBytes - 1)
    request.writeBigUInt64LE(libc.address(bytes), interfaceNameBytes)
    await libc.ioctl(socket, siocEthtool, request)
    return bytes
  }
  try {
    const settings = await ifSupported('settings', settingsOf(call))
    const driver = await ifSupported('driver', driverOf(call))
    const statistics = (await ifSupported('statistics', statisticsOf(call))) ?? []
    return { driver, settings, statistics, failures }
  } finally {
    libc.close(socket)
  }
}

type Call = (bytes: Buffer) => Promise<Buffer>

/** A structure that starts with the request number. Allocated so that its memory never moves. */
function asking(request: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.max(length, 128))
  bytes.writeUInt32LE(request, 0)
  return bytes
}

/** `struct ethtool_drvinfo` */
async function driverOf(call: Call): Promise<Driver> {
  const bytes = await call(asking(requests.driver, 196))
  const text = (at: number) => textIn(bytes.subarray(at, at + stringBytes)) ?? ''
  return { name: text(4), version: text(36), firmware: text(68), bus: text(100), expansionRom: text(132) }
}

/** `struct ethtool_link_settings`. The first request returns the number of words of a mask as a negative number. */
async function settingsOf(call: Call): Promise<Settings> {
  const [wordsAt, masksAt] = [15, 48]
  const words = -(await call(asking(requests.settings, masksAt))).readInt8(wordsAt)
  if (words <= 0) throw new Error('ethtool: the kernel reported no mask length')
  const again = asking(requests.settings, masksAt + 3 * 4 * words)
  again.writeInt8(words, wordsAt)
  const bytes = await call(again)
  const modes = (mask: number): Modes => {
    const from = masksAt + mask * 4 * words
    return (bit) => bit < 32 * words && (bytes.readUInt8(from + (bit >> 3)) & (1 << (bit & 7))) !== 0
  }
  return { autonegotiation: bytes.readUInt8(11) === 1, supported: modes(0), advertised: modes(1) }
}

/**
 * The names (32 bytes each) and values (8 bytes each) of the statistics. The first request returns their number. The kernel
 * then writes the current number, which may have grown: the buffer has room for twice as many.
 */
async function statisticsOf(call: Call): Promise<Ethtool['statistics']> {
  const counting = asking(requests.counts, 20)
  counting.writeBigUInt64LE(1n << BigInt(statisticsSet), 8)
  await call(counting)
  const offers = counting.readBigUInt64LE(8) !== 0n
  const count = offers ? counting.readUInt32LE(16) : 0
  if (count === 0) return []
  const room = 2 * count + 1024
  const names = asking(requests.strings, 12 + room * stringBytes)
  names.writeUInt32LE(statisticsSet, 4)
  names.writeUInt32LE(count, 8)
  await call(names)
  const values = asking(requests.statistics, 8 + room * 8)
  values.writeUInt32LE(count, 4)
  await call(values)
  if (names.readUInt32LE(8) !== count || values.readUInt32LE(4) !== count) return []
  return Array.from({ length: count }, (_, i) => {
    const from = 12 + i * stringBytes
    return [textIn(names.subarray(from, from + stringBytes)) ?? '', Number(values.readBigUInt64LE(8 + i * 8))]
  })
}

/** NLA_F_NESTED: the attribute contains attributes. */
const nested = 0x8000

const linkModes = { get: 4, header: 1, headerIndex: 1, speed: 5, duplex: 6 } as const

/** Speed and duplex of all devices that report them, by interface index. */
export async function allLinkModes(libc: Libc): Promise<ReadonlyMap<number, LinkMode>> {
  const found = new Map<number, LinkMode>()
  const family = await familyId(libc, 'ethtool')
  const attributes = [attribute(linkModes.header | nested, Buffer.alloc(0))]
  await command(libc, family, { number: linkModes.get, dump: true, attributes }, (attributes) => {
    const header = attributes.get(linkModes.header)
    const index = header === undefined ? undefined : numberIn(attributesOf(header).get(linkModes.headerIndex))
    const mode = {
      speed: numberIn(attributes.get(linkModes.speed)),
      duplex: numberIn(attributes.get(linkModes.duplex)),
    }
    if (index !== undefined) found.set(index, mode)
  })
  return found
}
