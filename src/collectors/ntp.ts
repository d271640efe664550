import { boolean, collector, duration, number, type Options, text, type Values } from '../collector.ts'
import type { DatagramAnswer } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const stratum = gauge('node_ntp_stratum', 'Distance of the NTP server from a reference clock, in servers.')
const leap = gauge(
  'node_ntp_leap',
  'Leap indicator: 1 and 2 if the last minute of the day has 61 or 59 seconds, 3 if the server is not synchronized, else 0.',
)
const rtt = gauge('node_ntp_rtt_seconds', 'Round-trip time of the query.')
const offset = gauge('node_ntp_offset_seconds', 'How far the server is ahead of the local clock.')
const reference = gauge(
  'node_ntp_reference_timestamp_seconds',
  'When the clock of the server was last set or corrected.',
)
const rootDelay = gauge('node_ntp_root_delay_seconds', 'Round trip from the server to the reference clock.')
const rootDispersion = gauge(
  'node_ntp_root_dispersion_seconds',
  'Maximum error of the server relative to the reference clock.',
)
const sanity = gauge('node_ntp_sanity', 'Whether the answer is usable, near enough and in agreement with the clock.')

const options = {
  server: text('127.0.0.1', 'Address of the NTP server on this host.'),
  'server-port': number('123', 'Its UDP port.'),
  'protocol-version': number('4', 'NTP version: 2, 3 or 4.'),
  'server-is-local': boolean(false, 'Treat the server as local, whatever its address.'),
  'ip-ttl': number('1', 'IP time to live of the query.'),
  'max-distance': duration('3.46608s', 'Maximum distance to the reference clock of a usable answer.'),
  'local-offset-tolerance': duration('1ms', 'Maximum error of the local clock for a usable answer.'),
} satisfies Options

/** SNTP: https://www.rfc-editor.org/rfc/rfc5905.html#section-14 */
export default collector({
  name: 'ntp',
  about: 'Reports the clock offset, stratum and root distance of a local NTP server. Sends it an NTP query over UDP.',
  enabled: false,
  deprecated: true,
  options,
  state: (options) => {
    check(options)
    return { leapDay: Number.NEGATIVE_INFINITY }
  },
  async collect({ services, options, emit, state, signal }) {
    const to = { host: options.server, port: options['server-port'], ttl: options['ip-ttl'] }
    const cookie = crypto.getRandomValues(new Uint8Array(8)) // instead of the local time, which the server need not know
    const answer = parseAnswer(await services.datagram(to, query(options['protocol-version'], cookie), signal), cookie)
    emit(stratum, answer.stratum)
    emit(leap, answer.leap)
    emit(rtt, answer.rtt)
    emit(offset, answer.offset)
    emit(reference, answer.reference)
    emit(rootDelay, answer.rootDelay)
    emit(rootDispersion, answer.rootDispersion)
    const day = Math.floor(answer.sent / secondsOfDay)
    if (answer.leap === 1 || answer.leap === 2) state.leapDay = day
    const tolerance = options['local-offset-tolerance'] / 1000 + (day <= state.leapDay + 1 ? 1 : 0)
    const isNear = answer.distance <= options['max-distance'] / 1000
    emit(sanity, isValid(answer) && isNear && answer.smallestError <= tolerance ? 1 : 0)
  },
})

const secondsOfDay = 86_400

function check(values: Values<typeof options>): void {
  const { server, 'server-port': port, 'protocol-version': version } = values
  if (!/^(127\.\d+\.\d+\.\d+|::1)$/.test(server) && !values['server-is-local'])
    throw new Error(`ntp: ${server} is not an address of this host: set server-is-local if the server is on this host`)
  if (![2, 3, 4].includes(version)) throw new Error(`ntp: protocol-version ${version} is not 2, 3 or 4`)
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`ntp: server-port ${port} is not a port`)
  if (values['local-offset-tolerance'] < 0) throw new Error('ntp: local-offset-tolerance is negative')
}

/** Client mode; the server copies the cookie into its answer. */
function query(version: number, cookie: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(48)
  bytes[0] = (version << 3) | 3
  bytes.set(cookie, 40)
  return bytes
}

type Parsed = ReturnType<typeof parseAnswer>

/** The fields of an answer and values computed from them, in seconds. Throws if it is not the answer to this query. */
export function parseAnswer({ bytes, sentNs, receivedNs }: DatagramAnswer, cookie: Uint8Array) {
  if (bytes.length < 48) throw new Error(`ntp: the answer has ${bytes.length} bytes, not 48`)
  const [flags = 0, stratum = 0] = bytes
  if ((flags & 7) !== 4) throw new Error(`ntp: the answer has mode ${flags & 7}, not that of a server`)
  if (!bytes.subarray(24, 32).equals(cookie)) throw new Error('ntp: the answer belongs to another query')
  if (bytes.readBigUInt64BE(40) === 0n) throw new Error('ntp: the answer has no transmit time')
  const [referenceNs, cameNs, leftNs] = [timeAt(bytes, 16), timeAt(bytes, 32), timeAt(bytes, 40)]
  const rtt = Math.max(0, seconds(receivedNs - sentNs - (leftNs - cameNs)))
  const [rootDelay, rootDispersion] = [shortAt(bytes, 4), shortAt(bytes, 8)]
  return {
    leap: flags >> 6,
    stratum,
    rtt,
    offset: seconds((cameNs - sentNs + (leftNs - receivedNs)) / 2n),
    reference: seconds(referenceNs),
    sent: seconds(leftNs),
    rootDelay,
    rootDispersion,
    distance: (rtt + rootDelay) / 2 + rootDispersion,
    /** A packet cannot arrive before it was sent: the clocks differ by at least this much. */
    smallestError: Math.max(0, seconds(sentNs - cameNs), seconds(leftNs - receivedNs)),
  }
}

/** Whether the server is synchronised, was synchronised recently, and its values are consistent. */
function isValid({ leap, stratum, sent, reference, rootDelay, rootDispersion }: Parsed): boolean {
  const isFresh = sent >= reference && sent - reference <= 2 ** 17
  return leap !== 3 && stratum >= 1 && stratum <= 15 && isFresh && rootDelay / 2 + rootDispersion <= 16
}

const seconds = (ns: bigint): number => Number(ns) / 1e9

const epochs = { 1900: 2_208_988_800n, 2036: -2_085_978_496n }

/** 32 bits of seconds and 32 of a fraction, since 1900, or since 2036 if the first bit is not set. */
function timeAt(bytes: Buffer, at: number): bigint {
  const whole = BigInt(bytes.readUInt32BE(at))
  const fraction = BigInt(bytes.readUInt32BE(at + 4))
  const since = whole >> 31n ? epochs[1900] : epochs[2036]
  return (whole - since) * 1_000_000_000n + ((fraction * 1_000_000_000n + (1n << 31n)) >> 32n)
}

/** 16 bits of seconds and 16 of a fraction, to a nanosecond. */
const shortAt = (bytes: Buffer, at: number): number => Math.round((bytes.readUInt32BE(at) / 2 ** 16) * 1e9) / 1e9
