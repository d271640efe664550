import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DiskBuffer } from '../src/buffer/disk-buffer.ts'
import { openDisk } from '../src/buffer/index.ts'
import { gauge } from '../src/metrics/family.ts'
import { SeriesTable } from '../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../src/metrics/snapshot.ts'
import { systemClock } from '../src/util/clock.ts'
import { silent } from '../src/util/log.ts'
import { configOf, cycleOf, hostOf } from './agent.ts'
import type { Bench, Context } from './bench.ts'
import { table, withVerdict } from './table.ts'

const mib = 1024 * 1024
const signal = new AbortController().signal

const open = (directory: string, sync: 'always' | 'never' = 'always'): Promise<DiskBuffer> =>
  openDisk(
    { directory, sync, maxBytes: 1024 * mib, maxAgeMs: 864e5, minFreeBytes: 0 },
    { clock: systemClock, log: silent, bootId: '' },
    true,
  )

const bytesIn = (directory: string): number =>
  readdirSync(join(directory, 'log')).reduce((sum, name) => sum + statSync(join(directory, 'log', name)).size, 0)

/**
 * Returns a function that builds the next snapshot. As on a host, more than half of the values stay constant and most
 * others grow by small integers.
 */
export function syntheticSnapshots(series: number): (number: number) => Snapshot {
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance: 'bench' }))
  const family = gauge('node_bench', 'A number.', ['device'])
  const values = Float64Array.from({ length: series }, () => Math.floor(Math.random() * 1e9))
  return (number) => {
    builder.begin()
    values.forEach((value, i) => {
      if (i % 5 === 3) values[i] = value + Math.floor(Math.random() * 1000)
      else if (i % 5 === 4) values[i] = value + Math.random()
      builder.add(family, values[i] ?? 0, { device: `dev${i}` })
    })
    return builder.end(1_700_000_000_000 + number * 15_000)
  }
}

/** Waits until all appended snapshots are on disk. */
async function flushed(buffer: DiskBuffer): Promise<void> {
  while (buffer.isBehind) await sleep(1)
}

async function size({ folder, quick, say }: Context): Promise<string> {
  const config = await configOf(['--web.listen-address='])
  const host = hostOf(config)
  const cycle = cycleOf(config, host, config.collectors)
  const directory = join(folder, 'size')
  const buffer = await open(directory)
  buffer.cursor('bench')
  const count = quick ? 20 : 240
  for (let i = 0; i < count; i++) {
    buffer.append((await cycle(systemClock.now())).snapshot)
    await sleep(500)
  }
  const { appendedSamples } = buffer.stats
  await buffer.close()
  say(`${count} snapshots of this host`)
  const each = bytesIn(directory) / appendedSamples
  return `This host, every 500 ms, ${count} snapshots of ${Math.round(appendedSamples / count)} series: ${each.toFixed(2)} bytes a sample on disk.\n`
}

async function append(series: number, { folder, quick }: Context): Promise<readonly (string | number)[]> {
  const directory = join(folder, `append-${series}`)
  const buffer = await open(directory)
  buffer.cursor('bench')
  const next = syntheticSnapshots(series)
  const rounds = quick ? 60 : 400
  let cpu = 0
  for (let i = 0; i < rounds; i++) {
    const snapshot = next(i)
    const before = process.cpuUsage()
    buffer.append(snapshot)
    await flushed(buffer)
    const { user, system } = process.cpuUsage(before)
    if (i >= rounds / 4) cpu += (user + system) / 1000
  }
  const { appendedSamples } = buffer.stats
  await buffer.close()
  const each = cpu / Math.ceil(rounds * 0.75)
  return [series, series === 3000 ? withVerdict(each, 2) : each, bytesIn(directory) / appendedSamples]
}

/** Writes a backlog of random values, which do not compress, and returns its number of samples. */
async function backlog(directory: string, bytes: number): Promise<number> {
  const buffer = await open(directory, 'never')
  buffer.cursor('bench')
  const { series } = syntheticSnapshots(3000)(0)
  for (let i = 0; buffer.stats.bytes < bytes; i++) {
    const values = Float64Array.from(series, () => Math.random() * 1e9)
    buffer.append({ timestampMs: 1_700_000_000_000 + i * 15_000, series, values })
    if (i % 20 === 19) await flushed(buffer)
  }
  const { appendedSamples } = buffer.stats
  await buffer.close()
  return appendedSamples
}

async function start({ folder, quick, say }: Context): Promise<string> {
  const directory = join(folder, 'start')
  const sizeMib = quick ? 32 : 512
  const samples = await backlog(directory, sizeMib * mib)
  say(`a backlog of ${sizeMib} MiB`)
  const started = performance.now()
  const buffer = await open(directory)
  const cursor = buffer.cursor('bench')
  const ready = performance.now() - started
  const exactness = cursor.backlog().samples === samples ? 'exact' : 'WRONG'
  const cpu = process.cpuUsage()
  const before = process.memoryUsage().rss
  let [readSamples, maxRss] = [0, before]
  while (cursor.backlog().snapshots > 0) {
    const entries = await cursor.read({ samples: 10_000 }, signal)
    for (const { snapshot } of entries) readSamples += snapshot.values.length
    await cursor.commit(entries.at(-1)?.sequence ?? 0)
    maxRss = Math.max(maxRss, process.memoryUsage().rss)
  }
  const { user, system } = process.cpuUsage(cpu)
  await buffer.close()
  rmSync(directory, { recursive: true })
  return (
    `Start with a backlog of ${sizeMib} MiB: ${withVerdict(ready, 1000)} ms until the first snapshot can be appended; the size of the backlog is ${exactness}.\n` +
    `Reading ${readSamples} samples and committing them: ${((user + system) / readSamples).toFixed(2)} µs of CPU a sample, ` +
    `resident memory at most ${((maxRss - before) / mib).toFixed(0)} MiB above that at the start.\n`
  )
}

export default {
  name: 'buffer',
  title: 'The buffer on disk',
  async run(context) {
    const rows = [await append(500, context), await append(3000, context)]
    const columns = ['series', 'CPU of an append, all threads, ms', 'bytes a sample']
    return `${await size(context)}\n${table(columns, rows)}\n${await start(context)}`
  },
} satisfies Bench
