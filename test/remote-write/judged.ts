import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Series } from '../../src/metrics/series.ts'
import { compileRules, type Relabel } from '../../src/relabel/rules.ts'
import { batchOf, markable } from '../../src/remote-write/encode/batch.ts'
import { createSnappy } from '../../src/remote-write/encode/compression.ts'
import { type Encoder, familiesIn } from '../../src/remote-write/encode/encoder.ts'

import { EncoderV1 } from '../../src/remote-write/encode/v1.ts'
import { EncoderV2 } from '../../src/remote-write/encode/v2.ts'
import { Relabeller } from '../../src/remote-write/series/relabel.ts'
import { canonicalize } from '../../src/remote-write/series/stale-tracker.ts'
import { createStats } from '../../src/remote-write/stats.ts'
import { silent } from '../../src/util/log.ts'
import { comparable, Expectation, type Expected, metadataOf } from './expected.ts'
import { type Body, judge, type Read } from './judge.ts'
import { type RandomHost, randomHost } from './random.ts'

/** A body, and the expected result of decoding it. */
interface Sent {
  readonly body: Body
  readonly check: (read: Read) => void
}

const compress = createSnappy()
const compiled = new Map<unknown, Relabel>()

async function relabelOf({ rules }: RandomHost): Promise<Relabel | undefined> {
  if (rules.length === 0) return undefined
  const relabel = compiled.get(rules) ?? (await compileRules(rules, 'utf8', (_, text) => assert.fail(text)))
  compiled.set(rules, relabel)
  return relabel
}

type Version = Body['version']

const encoders: Record<Version, (relabelling: Relabeller) => Encoder> = {
  1: (relabelling) => new EncoderV1((series) => relabelling.labels(series)),
  2: (relabelling) => new EncoderV2('full', (series) => relabelling.labels(series)),
}

/** Checks requests of random hosts, with at least this many snapshots, with the Go decoder. */
export async function assertJudged(t: TestContext, version: Version, count: number): Promise<void> {
  const ask = judge(t)
  if (ask === undefined) return
  const seen = { snapshots: 0, samples: 0 }
  for (let seed = 0; seen.snapshots < count; ) {
    const sent: Sent[] = []
    for (const end = seed + 50; seed < end; seed++) {
      const host = randomHost(seed)
      sent.push(...(await requestsOf(host, version)))
      seen.snapshots += host.snapshots.length
      seen.samples += host.snapshots.reduce((sum, { values }) => sum + values.length, 0)
    }
    const read = await ask(sent.map(({ body }) => body))
    assert.equal(read.length, sent.length)
    for (const [i, one] of read.entries()) sent[i]?.check(one)
  }
  t.diagnostic(`${seen.snapshots} snapshots, ${seen.samples} samples`)
}

/** The requests of one host, one to three snapshots in each. */
async function requestsOf(host: RandomHost, version: Version): Promise<readonly Sent[]> {
  const relabel = await relabelOf(host)
  const relabelling = new Relabeller({ relabel }, { log: silent, stats: createStats(), receiver: {} })
  const encoder = encoders[version](relabelling)
  const expectation = new Expectation(relabel)
  const sent: Sent[] = []
  const push = (bytes: Uint8Array, check: Sent['check']) =>
    sent.push({ body: { version, bytes: Buffer.from(compress(bytes)) }, check })
  let last: readonly Series[] = []
  for (let at = 0; at < host.snapshots.length; at += 1 + (at % 3)) {
    const snapshots = host.snapshots.slice(at, at + 1 + (at % 3))
    const read = snapshots.map((snapshot, i) => ({ sequence: at + i + 1, snapshot }))
    const { entries, before } = canonicalize(relabelling.entries(read), last)
    const { bytes, samples } = encoder.encode(batchOf(entries, before))
    const expected = expectation.next(snapshots)
    assert.equal(
      samples,
      expected.samples.values().reduce((sum, row) => sum + row.length, 0),
    )
    if (samples > 0) push(bytes, (one) => assertRead(one, expected, version))
    const newest = entries.at(-1)
    if (newest !== undefined) last = markable(newest)
    const families = familiesIn(entries)
    if (encoder.metadata !== undefined && families.length > 0)
      push(encoder.metadata(families), ({ metadata }) => {
        assert.deepEqual(
          metadata,
          families.map((family) => ({ family: family.name, ...metadataOf(family) })),
        )
      })
  }
  return sent
}

/** Remote-write 1.0 has no start times and no metadata per series. */
function assertRead({ series }: Read, { samples, families }: Expected, version: Version): void {
  const left = new Set(samples.keys())
  for (const { labels, samples: row, metadata } of series) {
    const key = JSON.stringify(labels)
    const expected = samples.get(key)
    assert.ok(left.delete(key) && expected !== undefined, `${key} comes twice, or is not to come`)
    const isMerged = (families.get(key)?.size ?? 0) > 1
    const starts = expected.map(([, , startMs], i) => (version === 1 ? 0 : isMerged ? row[i]?.[2] : startMs))
    assert.deepEqual(
      row.map(([bits, timestampMs, startMs]) => [comparable(bits), timestampMs, startMs]),
      expected.map(([bits, timestampMs], i) => [bits, timestampMs, starts[i]]),
      key,
    )
    if (version === 1) continue
    const known = [...(families.get(key) ?? [])].map((family) => JSON.stringify(metadataOf(family)))
    assert.ok(
      known.includes(JSON.stringify(metadata)),
      `${key} is ${JSON.stringify(metadata)}, not ${known.join(' or ')}`,
    )
  }
  assert.deepEqual([...left], [], 'series are missing')
}
