import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dispatcher } from 'undici'
import type { DiskBuffer } from '../../src/buffer/disk-buffer.ts'
import { createDecoder, type Decode, sameBits } from '../../src/demo-receiver/decode.ts'
import { uncompressSnappy } from '../../src/demo-receiver/snappy.ts'
import type { Sender } from '../../src/http/types.ts'
import { Endpoint } from '../../src/remote-write/endpoint.ts'
import { silent } from '../../src/util/log.ts'
import { endpointOptions } from '../remote-write/options.ts'
import { openLog, snapshots } from '../support/buffer.ts'
import { settled, TestClock } from '../support/clock.ts'
import { randomOf } from '../support/random.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'

/**
 * A model of power losses and lost answers: the real buffer on a simulated disk, the real sender, and a receiver with
 * Prometheus's rules (an exact duplicate of a series' newest sample is accepted, an older sample rejects the whole
 * request). HOSTPUSH_SEEDS is the number of seeds.
 */
const seeds = Number(process.env['HOSTPUSH_SEEDS'] ?? 5)
const firstSeed = Number(process.env['HOSTPUSH_FIRST_SEED'] ?? 1)
const losses = 4
const perLife = 25
const seriesCount = 3

/** What becomes of a request: answered, lost on the way, stored with a lost answer, or refused by a host that is down. */
type Fate = 'answer' | 'lost' | 'stored' | 'down'

class PrometheusModel {
  readonly stored = new Map<string, Map<number, { low: number; high: number }>>()
  readonly #decode: Decode
  requests = 0

  constructor(decode: Decode) {
    this.#decode = decode
  }

  /** Status of a request: all of its samples are stored, or none. */
  write(body: Uint8Array): number {
    this.requests++
    const bytes = uncompressSnappy(Buffer.from(body), 1e7)
    assert.ok(bytes)
    const { series } = this.#decode(1, bytes)
    const accepted: (() => void)[] = []
    for (const { labels, samples } of series) {
      const key = JSON.stringify(labels)
      const known = this.stored.get(key) ?? new Map()
      let newestMs = Math.max(0, ...known.keys())
      for (const { timestampMs, bits } of samples) {
        const same = known.get(timestampMs)
        if (timestampMs < newestMs || (same !== undefined && !sameBits(same, bits))) return 400
        newestMs = timestampMs
        accepted.push(() => this.stored.set(key, known.set(timestampMs, bits)))
      }
    }
    for (const accept of accepted) accept()
    return 204
  }
}

/** A sender whose requests meet fates. After the power loss nothing arrives and nothing is answered. */
function modelSender(receiver: PrometheusModel, fate: () => Fate, isCut: () => boolean): Sender {
  const controller = { abort() {}, pause() {}, resume() {} } as unknown as Dispatcher.DispatchController
  return {
    dispatch({ body }, handler) {
      void (async () => {
        await new Promise((resolve) => setImmediate(resolve))
        if (isCut()) return
        const kind = fate()
        const status = kind === 'answer' || kind === 'stored' ? receiver.write(body as Uint8Array) : 0
        await new Promise((resolve) => setImmediate(resolve))
        if (isCut()) return
        handler.onRequestStart?.(controller, {})
        if (kind !== 'answer') {
          const code = kind === 'down' ? 'ECONNREFUSED' : 'ECONNRESET'
          handler.onResponseError?.(controller, Object.assign(new Error(code), { code }))
          return
        }
        handler.onResponseStart?.(controller, status, {}, '')
        handler.onResponseEnd?.(controller, {})
      })()
      return true
    },
    close: async () => {},
    destroy: async () => {},
  }
}

/** Cuts the power at the `cut`th disk operation: later operations never end. */
function cutPower(disk: SimulatedDisk, cut: number) {
  const state = { isCut: false, operations: 0 }
  const hang = new Promise<never>(() => {})
  const open = disk.open.bind(disk)
  disk.fault = () => {
    state.isCut ||= ++state.operations > cut
    return state.isCut ? 'EPOWER' : undefined
  }
  const orHang = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error) => (state.isCut ? hang : Promise.reject(error)))
  disk.open = async (path, mode) => {
    const file = await orHang(open(path, mode))
    return {
      ...file,
      write: (...given) => orHang(file.write(...given)),
      datasync: (...given) => orHang(file.datasync(...given)),
      read: (...given) => orHang(file.read(...given)),
    }
  }
  return state
}

/** The snapshots on disk: they must arrive. */
async function onDisk(buffer: DiskBuffer): Promise<readonly number[]> {
  const reader = buffer.reader(0)
  const found: number[] = []
  for (let entry = await reader.next(); entry !== undefined; entry = await reader.next())
    found.push(entry.snapshot.timestampMs)
  await reader.close()
  return found
}

interface Life {
  readonly disk: SimulatedDisk
  readonly clock: TestClock
  readonly receiver: PrometheusModel
  readonly random: () => number
  readonly first: number
  readonly cut: number
  /** Timestamps that must arrive. */
  readonly durable: Set<number>
}

/** One agent, from its start to the power loss. Returns the samples that it counts as dropped, by reason. */
async function live({ disk, clock, receiver, random, first, cut, durable }: Life): Promise<readonly string[]> {
  const power = cutPower(disk, cut)
  const opening = openLog(disk, { maxBytes: 1e6 }, { clock })
  const buffer = await Promise.race([
    opening,
    settled()
      .then(settled)
      .then(() => undefined),
  ])
  if (buffer === undefined) return []
  const found = await Promise.race([
    onDisk(buffer),
    settled()
      .then(settled)
      .then(() => []),
  ])
  for (const one of found) durable.add(one)
  let phase: Fate = 'answer'
  const fate = (): Fate => {
    if (random() < 0.15) return random() < 0.5 ? 'stored' : 'lost'
    return phase
  }
  new Endpoint(
    endpointOptions('http://model/', { backoff: { minMs: 1000, maxMs: 4000 }, maxSamplesPerSend: 4 * seriesCount }),
    {
      ...{ clock, log: silent, userAgent: 'test', cursor: buffer.cursor('default') },
      sender: modelSender(receiver, fate, () => power.isCut),
    },
  )
  const next = snapshots(seriesCount)
  for (let i = 0; i < perLife && !power.isCut; i++) {
    if (random() < 0.2) phase = random() < 0.6 ? 'answer' : 'down'
    buffer.append(next(first + i))
    const waits = Math.floor(random() * 3)
    for (let wait = 0; wait < waits; wait++) await settled()
    await clock.pass(random() < 0.05 ? 3_600_000 : 15_000)
  }
  if (cut === Number.POSITIVE_INFINITY) {
    phase = 'answer'
    for (let i = 0; i < 200 && buffer.cursor('default').backlog().snapshots > 0; i++) await clock.pass(15_000)
    assert.equal(buffer.cursor('default').backlog().snapshots, 0)
    for (let i = 0; i < perLife; i++) durable.add(next(first + i).timestampMs)
  }
  return [...(buffer.stats.dropped.get('default') ?? [])].map(([reason, samples]) => `${reason} ${samples}`)
}

test(`after ${losses} power losses in each of ${seeds} lives, no durable sample is missing and none is dropped`, async () => {
  const decode = await createDecoder()
  let requests = 0
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const random = randomOf(seed)
    const clock = new TestClock()
    const receiver = new PrometheusModel(decode)
    const durable = new Set<number>()
    let disk = new SimulatedDisk()
    const dropped: string[] = []
    for (let life = 0; life <= losses; life++) {
      const cut = life === losses ? Number.POSITIVE_INFINITY : 5 + Math.floor(random() * 160)
      const lost = await live({ disk, clock, receiver, random, first: 1 + life * perLife, cut, durable })
      dropped.push(...lost.map((one) => `life ${life}: ${one}`))
      if (life < losses) disk = disk.afterPowerLoss(random)
    }
    requests += receiver.requests
    const stored = [...receiver.stored].filter(([labels]) => labels.includes('temperature'))
    assert.equal(stored.length, seriesCount, `seed ${seed}`)
    for (const [, times] of stored) {
      const missing = [...durable].filter((one) => !times.has(one))
      assert.deepEqual(missing, [], `seed ${seed}: samples are missing`)
    }
    assert.deepEqual(dropped, [], `seed ${seed}: samples are dropped`)
  }
  assert.ok(requests > 40 * seeds, `only ${requests} requests`)
})
