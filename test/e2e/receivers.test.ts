import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createReceiver } from '../../src/demo-receiver/receiver.ts'
import type { Family } from '../../src/metrics/family.ts'
import type { ProtobufMessage } from '../../src/remote-write/encode/protobuf-message.ts'
import {
  eventually,
  type Prometheus,
  startPrometheus,
  startPrometheus3,
  startVictoriaMetrics,
} from '../support/servers.ts'
import { caseHost, liveHost, oddHost } from './hosts.ts'
import { assertStored, decimal, exact, type Keeping, lineTo } from './read-back.ts'

const v1 = 'prometheus.WriteRequest'
const v2 = 'io.prometheus.write.v2.Request'

/** A receiver, its way to store values, and its limit of labels. */
interface Kind {
  readonly name: string
  readonly start: (t: TestContext) => Promise<Prometheus | undefined>
  readonly keeping: Keeping
  readonly labels: number
}

const prometheus2: Kind = { name: 'Prometheus 2', start: (t) => startPrometheus(t), keeping: exact, labels: 100 }
const prometheus3: Kind = { name: 'Prometheus 3', start: (t) => startPrometheus3(t), keeping: exact, labels: 100 }
const victoria: Kind = { name: 'VictoriaMetrics', start: startVictoriaMetrics, keeping: decimal, labels: 30 }

/** What is said of the protocol while it is found out. */
const takesV2 = /level=INFO msg="Receiver supports remote write 2.0"/
const takesV1 = /level=INFO msg="Receiver does not support remote write 2.0, using 1.0"/

const runs: readonly (readonly [
  kind: Kind,
  protobufMessage: ProtobufMessage,
  maxSamplesPerSend: number,
  said?: RegExp,
])[] = [
  [prometheus2, v1, 1],
  [prometheus2, v1, 10_000],
  [prometheus2, 'auto', 1, takesV1],
  [prometheus3, v1, 1],
  [prometheus3, v2, 1],
  [prometheus3, v2, 10_000],
  [prometheus3, 'auto', 1, takesV2],
  [victoria, v1, 1],
  [victoria, v1, 10_000],
  [victoria, 'auto', 1, takesV1],
]

for (const [kind, protobufMessage, maxSamplesPerSend, said] of runs) {
  const batch = maxSamplesPerSend === 1 ? 'one by one' : 'together'
  test(`${kind.name} stores every collected series and value: ${protobufMessage}, ${batch}`, async (t) => {
    const receiver = await kind.start(t)
    if (receiver === undefined) return
    const beginMs = Date.now() - 60_000
    for (const host of [await liveHost(beginMs), caseHost(beginMs), oddHost(beginMs, kind.labels)]) {
      const { logged, send } = await lineTo(t, receiver.url, { protobufMessage, maxSamplesPerSend })
      await send(host)
      const expected = [/msg="First samples delivered"/, ...(said === undefined ? [] : [said])]
      assert.equal(logged.length, expected.length, logged.join(''))
      for (const line of expected)
        assert.ok(
          logged.some((one) => line.test(one)),
          logged.join(''),
        )
      await assertStored(receiver, host, kind.keeping)
    }
  })
}

test('Prometheus 3 gets the start timestamps of counters and adds a zero there', async (t) => {
  const receiver = await startPrometheus3(t, { more: ['--enable-feature=created-timestamp-zero-ingestion'] })
  if (receiver === undefined) return
  const host = await liveHost(Date.now() - 60_000)
  await (await lineTo(t, receiver.url, { protobufMessage: v2 })).send(host)
  await assertStored(receiver, host, exact, true)
})

test('Prometheus 3 gets type and help of every family and forwards them', async (t) => {
  const next = await createReceiver({ listen: { host: '127.0.0.1', port: 0 } })
  t.after(() => next.close())
  const block = `{url: '${next.url}/api/v1/write', protobuf_message: ${v2}, queue_config: {batch_send_deadline: 50ms}}`
  const receiver = await startPrometheus3(t, {
    more: ['--enable-feature=metadata-wal-records'],
    config: `remote_write: [${block}]\n`,
  })
  if (receiver === undefined) return
  const beginMs = Date.now() + 1000 // it forwards only samples that are newer than its start
  const families = new Map<string, Family>()
  for (const host of [await liveHost(beginMs), oddHost(beginMs, 100)]) {
    for (const { family } of host[0]?.series ?? []) families.set(family.name, family)
    await (await lineTo(t, receiver.url, { protobufMessage: v2 })).send(host)
  }
  await eventually(
    async () => next.metadata.size,
    (size) => size >= families.size,
  )
  const typeOf = ({ type }: Family) => (type === 'untyped' ? 'unknown' : type)
  assert.deepEqual(
    [...next.metadata].map(([name, { type, help }]) => [name, type, help]).sort(),
    [...families.values()].map((family) => [family.name, typeOf(family), family.help]).sort(),
  )
  const types = new Set([...families.values()].map(({ type }) => type))
  assert.deepEqual([...types].sort(), ['counter', 'gauge', 'histogram', 'summary', 'untyped'])
})

test('after a change from Prometheus 3 to 2 or back, each stores everything that was sent to it', async (t) => {
  const first = await startPrometheus3(t)
  if (first === undefined) return
  const { logged, send } = await lineTo(t, first.url)
  const port = Number(new URL(first.url).port)
  const beginMs = Date.now() - 300_000
  await send(caseHost(beginMs))
  await assertStored(first, caseHost(beginMs), exact)
  await first.stop()
  const second = await startPrometheus(t, { port })
  if (second === undefined) return
  // the last request to the first receiver may be sent twice
  const host = await liveHost(beginMs + 60_000)
  await send(host)
  await assertStored(second, host, exact)
  assert.equal(logged.filter((line) => takesV2.test(line)).length, 1)
  assert.equal(logged.filter((line) => takesV1.test(line)).length, 1, logged.join(''))
  await second.stop()
  const third = await startPrometheus3(t, { port })
  const last = oddHost(beginMs + 120_000, 100)
  await send(last)
  if (third !== undefined) await assertStored(third, last, exact)
})
