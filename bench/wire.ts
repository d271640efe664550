import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDisk } from '../src/buffer/index.ts'
import type { Snapshot } from '../src/metrics/snapshot.ts'
import { createSnappy } from '../src/remote-write/encode/compression.ts'
import type { Encoder } from '../src/remote-write/encode/encoder.ts'
import { EncoderV1 } from '../src/remote-write/encode/v1.ts'
import { EncoderV2 } from '../src/remote-write/encode/v2.ts'
import { systemClock } from '../src/util/clock.ts'
import { silent } from '../src/util/log.ts'
import { createFaultyReceiver } from '../test/support/faulty-receiver.ts'
import type { Bench, Context } from './bench.ts'
import { drain } from './drain.ts'
import { freePort, program, start } from './processes.ts'
import { record, replay, serve } from './recording.ts'
import { syncs } from './syncs.ts'
import { table, withVerdict } from './table.ts'

/** Bytes a sample. */
interface Cost {
  readonly disk: number
  readonly wire: number
}

const bytesIn = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)

const samplesIn = (snapshots: readonly Snapshot[]) => snapshots.reduce((sum, { values }) => sum + values.length, 0)

/** A receiver that replies 503 until `open`, and counts samples and bytes from then on. */
async function startCountingReceiver() {
  const received = { samples: 0, bytes: 0, requests: 0 }
  let isAway = true
  const receiver = await createFaultyReceiver({
    faultPlan: () => (isAway ? { status: 503 } : { status: 204 }),
    onRequest: ({ samples, compressedBytes }) => {
      if (isAway || samples === 0) return // metadata is sent in separate requests
      received.samples += samples
      received.bytes += compressedBytes
      received.requests++
    },
  })
  return {
    url: `${receiver.url}/api/v1/write`,
    received,
    open: () => {
      isAway = false
    },
    /** Resolves when no more samples arrive than those of a failed scrape. */
    async quiet() {
      for (let before = -1000; received.samples - before > 300 || received.samples === 0; ) {
        before = received.samples
        await sleep(6000)
      }
    },
    close: () => receiver.close(),
  }
}

type FitsInRequest = (batch: readonly Snapshot[], next: Snapshot) => boolean

/** Bytes a sample on the wire, with as many snapshots in a request as `fits` allows. */
function onTheWire(snapshots: readonly Snapshot[], fits: FitsInRequest, encoder: Encoder) {
  const compress = createSnappy()
  let bytes = 0
  let batch: Snapshot[] = []
  const send = () => {
    const entries = batch.map((snapshot, i) => ({ sequence: i + 1, snapshot }))
    bytes += compress(encoder.encode({ entries, stale: [] }).bytes).length
    batch = []
  }
  for (const snapshot of snapshots) {
    if (batch.length > 0 && !fits(batch, snapshot)) send()
    batch.push(snapshot)
  }
  send()
  return bytes / samplesIn(snapshots)
}

async function hostpush(pages: readonly string[], folder: string) {
  const snapshots = replay(pages)
  const options = { directory: folder, sync: 'always', maxBytes: 1e9, maxAgeMs: 1e12, minFreeBytes: 0 } as const
  const buffer = await openDisk(options, { clock: systemClock, log: silent, bootId: '' }, true)
  buffer.cursor('bench')
  for (const snapshot of snapshots) {
    buffer.append(snapshot)
    while (buffer.isBehind) await sleep(1)
  }
  await buffer.close()
  const fits = (batch: readonly Snapshot[], next: Snapshot) => samplesIn([...batch, next]) <= 10_000
  const wireCosts = (encoder: Encoder) => ({
    live: onTheWire(snapshots, () => false, encoder),
    twoMinutes: onTheWire(snapshots, (batch, next) => batch.length < 8 && fits(batch, next), encoder),
    wire: onTheWire(snapshots, fits, encoder),
  })
  return {
    disk: bytesIn(join(folder, 'log')) / samplesIn(snapshots),
    ...wireCosts(new EncoderV1()),
    version2: [
      ['hostpush, 2.0', wireCosts(new EncoderV2('full'))],
      ['hostpush, 2.0, types_only', wireCosts(new EncoderV2('types_only'))],
    ] as const,
    samples: samplesIn(snapshots) / snapshots.length,
  }
}

/** Measures the queue on disk after a stop, and what a second vmagent sends from it. */
async function vmagent(pages: readonly string[], folder: string): Promise<Cost> {
  const receiver = await startCountingReceiver()
  const source = await serve(pages)
  mkdirSync(folder)
  writeFileSync(`${folder}/scrape.yml`, scrapeOf(source.address))
  const run = async (scrape: string, log: string) => {
    const args = [
      `-promscrape.config=${scrape}`,
      `-remoteWrite.url=${receiver.url}`,
      `-remoteWrite.tmpDataPath=${folder}/queue`,
      '-remoteWrite.queues=1',
      '-remoteWrite.flushInterval=100ms', // one block for each scrape, as with an interval of 15 s
      `-httpListenAddr=127.0.0.1:${await freePort()}`,
    ]
    return start(program('vmagent'), args, log)
  }
  const collecting = await run(`${folder}/scrape.yml`, `${folder}/collecting.log`)
  await source.over
  await collecting.stop()
  source.close()
  const bytes = bytesIn(`${folder}/queue`)
  writeFileSync(`${folder}/none.yml`, 'scrape_configs: []\n')
  receiver.open()
  const sending = await run(`${folder}/none.yml`, `${folder}/sending.log`)
  await receiver.quiet()
  await sending.stop()
  await receiver.close()
  const { samples, bytes: sent } = receiver.received
  return { disk: bytes / samples, wire: sent / samples }
}

/**
 * Measures the write-ahead log, and what the same process sends from it when the receiver recovers: a new process would
 * not send it.
 */
async function prometheus(pages: readonly string[], folder: string): Promise<Cost> {
  const receiver = await startCountingReceiver()
  const source = await serve(pages)
  mkdirSync(folder)
  const retry = 'queue_config: {min_backoff: 30ms, max_backoff: 1s}, metadata_config: {send: false}'
  writeFileSync(
    `${folder}/scrape.yml`,
    `${scrapeOf(source.address)}remote_write: [{url: '${receiver.url}', ${retry}}]\n`,
  )
  const args = [
    '--enable-feature=agent',
    `--config.file=${folder}/scrape.yml`,
    `--storage.agent.path=${folder}/agent`,
    `--web.listen-address=127.0.0.1:${await freePort()}`,
  ]
  const agent = start(program('prometheus'), args, `${folder}/agent.log`)
  await source.over
  await sleep(1000)
  const bytes = bytesIn(`${folder}/agent`)
  receiver.open()
  await receiver.quiet()
  await agent.stop()
  source.close()
  await receiver.close()
  const { samples, bytes: sent } = receiver.received
  return { disk: bytes / samples, wire: sent / samples }
}

const scrapeOf = (target: string) =>
  `global: {scrape_interval: 500ms, scrape_timeout: 450ms}\nscrape_configs: [{job_name: node, static_configs: [{targets: ['${target}']}]}]\n`

async function compared(isLoaded: boolean, { folder, quick, say }: Context): Promise<string> {
  const name = isLoaded ? 'loaded' : 'quiet'
  const count = quick ? 40 : 240
  say(`recording ${count} pages, ${name}`)
  const pages = await record(count, isLoaded)
  say(`replaying them to three agents, ${name}`)
  const [ours, vm, prom] = await Promise.all([
    hostpush(pages, join(folder, `${name}-hostpush`)),
    vmagent(pages, join(folder, `${name}-vmagent`)),
    prometheus(pages, join(folder, `${name}-prometheus`)),
  ])
  const rows = [
    ['hostpush', ours.disk, ours.wire, ours.live, ours.twoMinutes],
    ...ours.version2.map(([name, { wire, live, twoMinutes }]) => [name, undefined, wire, live, twoMinutes]),
    ['vmagent', vm.disk, vm.wire, undefined, undefined],
    ['Prometheus agent', prom.disk, prom.wire, undefined, undefined],
  ]
  const columns = ['bytes a sample', 'disk', 'wire, catching up', 'wire, live', 'wire, send_interval 2m']
  return [
    `${isLoaded ? 'Compiling and moving traffic' : 'Quiet'}: ${count} pages of this host, ${Math.round(ours.samples)} series, one a second; the same text for all three.\n`,
    table(columns, rows),
    `Disk, hostpush / vmagent: ${withVerdict(ours.disk / vm.disk, 0.25)}. Wire, hostpush / vmagent: ${withVerdict(ours.wire / vm.wire, 0.333)};`,
    `hostpush / Prometheus agent: ${withVerdict(ours.wire / prom.wire, 0.333)}.\n`,
  ].join('\n')
}

export default {
  name: 'wire',
  title: 'Bytes on disk and on the wire, and recovery from a day without a receiver',
  async run(context) {
    const quiet = await compared(false, context)
    const loaded = await compared(true, context)
    return [quiet, loaded, await drain(context), await syncs(context)].join('\n')
  },
} satisfies Bench
