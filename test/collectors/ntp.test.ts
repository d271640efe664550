import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import ntp from '../../src/collectors/ntp.ts'
import { hostServices, type Services } from '../../src/host/services.ts'
import { collectAll, collecting } from '../support/collect.ts'

/** The local clock when the query is sent: 2023-11-14 22:13:20. */
const nowNs = 1_700_000_000_000_000_000n
const ms = 1_000_000n

interface Answer {
  readonly leap?: number
  readonly mode?: number
  readonly stratum?: number
  readonly rootDelay?: number
  readonly rootDispersion?: number
  /** Nanoseconds before the query. */
  readonly ageNs?: bigint
  readonly reference?: bigint
  readonly aheadNs?: bigint
  readonly cookie?: Uint8Array
  readonly length?: number
  readonly transmit?: bigint
}

/** A timestamp: 32 bits of seconds since 1900 and 32 bits of a fraction. */
const timeOf = (ns: bigint) => ((ns + 2_208_988_800n * 1000n * ms) << 32n) / (1000n * ms)

/** A server that receives the query after 1 ms and answers at once; the answer takes 3 ms more. */
function server(given: Answer, asked: Uint8Array[] = []): Services {
  return {
    ...hostServices(),
    async datagram(_to, question) {
      asked.push(question)
      const bytes = Buffer.alloc(given.length ?? 48)
      if (bytes.length < 48) return { bytes, sentNs: nowNs, receivedNs: nowNs }
      const cameNs = nowNs + 1n * ms + (given.aheadNs ?? 0n)
      bytes[0] = ((given.leap ?? 0) << 6) | (4 << 3) | (given.mode ?? 4)
      bytes[1] = given.stratum ?? 2
      bytes.writeUInt32BE(given.rootDelay ?? 0x8000, 4)
      bytes.writeUInt32BE(given.rootDispersion ?? 3277, 8)
      bytes.writeBigUInt64BE(given.reference ?? timeOf(nowNs - (given.ageNs ?? 10n * 1000n * ms)), 16)
      bytes.set(given.cookie ?? question.subarray(40), 24)
      bytes.writeBigUInt64BE(timeOf(cameNs), 32)
      bytes.writeBigUInt64BE(given.transmit ?? timeOf(cameNs), 40)
      return { bytes, sentNs: nowNs, receivedNs: nowNs + 4n * ms }
    },
  }
}

const collect = (given: Answer, options = {}) => collectAll(ntp, { services: server(given), options })
const sanityOf = async (given: Answer, options = {}) =>
  (await collect(given, options)).lines.find((line) => line.startsWith('node_ntp_sanity'))?.at(-1)

test("it reports the server's values and those computed from four timestamps", async () => {
  assert.deepEqual((await collect({})).lines, [
    'node_ntp_leap 0',
    'node_ntp_offset_seconds -0.001',
    'node_ntp_reference_timestamp_seconds 1.69999999e+09',
    'node_ntp_root_delay_seconds 0.5',
    'node_ntp_root_dispersion_seconds 0.050003052',
    'node_ntp_rtt_seconds 0.004',
    'node_ntp_sanity 1',
    'node_ntp_stratum 2',
  ])
})

test('the query has client mode, the configured version and a cookie instead of the time', async () => {
  const asked: Uint8Array[] = []
  const services = server({}, asked)
  await collectAll(ntp, { services, options: { 'protocol-version': 3 } })
  await collectAll(ntp, { services })
  assert.deepEqual(
    asked.map(([first]) => first),
    [0x1b, 0x23],
  )
  assert.notDeepEqual(asked[0]?.subarray(40), asked[1]?.subarray(40))
})

test('a server that is not synchronised, too distant, too old or in the future is not sane', async () => {
  assert.equal(await sanityOf({ leap: 3 }), '0')
  assert.equal(await sanityOf({ stratum: 0 }), '0')
  assert.equal(await sanityOf({ stratum: 15 }), '1')
  assert.equal(await sanityOf({ stratum: 16 }), '0')
  assert.equal(await sanityOf({ ageNs: 131_071n * 1000n * ms }), '1')
  assert.equal(await sanityOf({ ageNs: 131_072n * 1000n * ms }), '0')
  assert.equal(await sanityOf({ ageNs: -1000n * ms }), '0')
  assert.equal(await sanityOf({ rootDispersion: 4 * 65536 }), '0')
  assert.equal(await sanityOf({ rootDispersion: 4 * 65536 }, { 'max-distance': 5000 }), '1')
  assert.equal(await sanityOf({ rootDelay: 40 * 65536 }, { 'max-distance': 100_000 }), '0')
})

test('a clock with an error above the tolerance is not sane', async () => {
  assert.equal(await sanityOf({ aheadNs: 3n * ms }), '1')
  assert.equal(await sanityOf({ aheadNs: 5n * ms }), '0')
  assert.equal(await sanityOf({ aheadNs: -1n * ms }), '1')
  assert.equal(await sanityOf({ aheadNs: -3n * ms }), '0')
  assert.equal(await sanityOf({ aheadNs: -3n * ms }, { 'local-offset-tolerance': 5 }), '1')
})

test('around a leap second the tolerance is one second larger, also after the flag is cleared', async () => {
  const half = 500n * ms
  assert.equal(await sanityOf({ leap: 1, aheadNs: half }), '1')
  assert.equal(await sanityOf({ leap: 2, aheadNs: -half }), '1')
  assert.equal(await sanityOf({ leap: 1, aheadNs: 3n * half }), '0')
  let given: Answer = { leap: 1 }
  const services: Services = { ...hostServices(), datagram: (...a) => server(given).datagram(...a) }
  const run = collecting(ntp, { services })
  await run()
  given = { aheadNs: half }
  assert.ok((await run()).lines.includes('node_ntp_sanity 1'))
  given = { aheadNs: half + 2n * 86_400n * 1000n * ms }
  assert.ok((await run()).lines.includes('node_ntp_sanity 0'))
})

test('timestamps without the first bit are after 2036', async () => {
  const { lines } = await collect({ reference: 1000n << 32n })
  assert.ok(lines.includes('node_ntp_reference_timestamp_seconds 2.085979496e+09'))
})

test('an invalid answer is a failure', async () => {
  for (const given of [{ length: 40 }, { length: 0 }, { mode: 3 }, { cookie: Buffer.alloc(8) }, { transmit: 0n }]) {
    const { lines, success } = await collect(given)
    assert.deepEqual([lines, success], [[], false])
  }
})

test('a server on another host requires an option; invalid options are rejected at the start', async () => {
  const starts = (options: object) => collecting(ntp, { services: server({}), options: { ...options } })
  for (const options of [{ server: '192.0.2.1' }, { server: 'localhost' }, { 'protocol-version': 5 }])
    assert.throws(() => starts(options), /^Error: ntp: /)
  for (const options of [{ 'server-port': 0 }, { 'server-port': 65536 }, { 'local-offset-tolerance': -1 }])
    assert.throws(() => starts(options), /^Error: ntp: /)
  starts({ server: '::1' })
  starts({ server: '127.1.2.3' })
  starts({ server: 'pool.example', 'server-is-local': true })
})

test('over a socket: a server that answers, a server that does not, and no server', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  const options = { 'server-port': port }
  const services = hostServices()
  socket.once('message', async (question, from) => {
    const { bytes } = await server({ ageNs: 0n }).datagram({ host: '', port, ttl: 1 }, question, AbortSignal.abort())
    socket.send(bytes, from.port, from.address)
  })
  const answered = await collectAll(ntp, { services, options })
  assert.ok(answered.lines.includes('node_ntp_stratum 2'), answered.logged.join())
  const peer = { host: '127.0.0.1', port, ttl: 1 }
  await assert.rejects(services.datagram(peer, Buffer.alloc(48), AbortSignal.timeout(50)), /no answer from 127.0.0.1/)
  socket.close()
  await once(socket, 'close')
  const refused = await collectAll(ntp, { services, options })
  assert.match(refused.logged.join(), /no answer from 127\.0\.0\.1, port \d+: .*ECONNREFUSED/)
})
