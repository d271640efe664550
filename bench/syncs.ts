import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { diskIn, type FileSystem } from '../src/buffer/disk/filesystem.ts'
import { openDisk } from '../src/buffer/index.ts'
import { type Clock, systemClock } from '../src/util/clock.ts'
import { silent } from '../src/util/log.ts'
import type { Context } from './bench.ts'
import { syntheticSnapshots } from './buffer.ts'
import { table } from './table.ts'

const intervalsPerDay = 5760
const intervalMs = 15_000
const series = 1500

/** Disk writes of an agent that collects every 15 seconds and sends each snapshot at once. */
export async function syncs({ folder, quick }: Context): Promise<string> {
  const rows: (string | number)[][] = []
  for (const [name, sync] of [
    ['always', 'always'],
    ['1m', 60_000],
    ['5m', 300_000],
    ['never', 'never'],
  ] as const)
    rows.push([name, ...(await day(join(folder, `sync-${name}`), sync, quick ? 240 : 960))])
  return [
    `A day at 15 s with ${series} series, live, by \`buffer.sync\`; \`MB in pages\` is what the kernel counts as written, including cursors.\n`,
    table(['sync', 'syncs', 'MB written', 'MB in pages', 'MB of log'], rows),
  ].join('\n')
}

async function day(directory: string, sync: 'always' | 'never' | number, rounds: number): Promise<readonly number[]> {
  const count = { syncs: 0, bytes: 0, log: 0 }
  let nowMs = 0
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs, now: () => 1_780_000_000_000 + nowMs }
  const options = { directory, sync, maxBytes: 1e9, maxAgeMs: 1e12, minFreeBytes: 0 }
  const buffer = await openDisk(options, { clock, log: silent, bootId: '', files: counted(directory, count) }, true)
  const cursor = buffer.cursor('default')
  const next = syntheticSnapshots(series)
  const { signal } = new AbortController()
  const pagesBefore = pages()
  for (let i = 0; i < rounds; i++) {
    nowMs += intervalMs
    const reading = cursor.read({ samples: 10_000 }, signal) // the endpoint waits for the snapshot
    await sleep(0)
    buffer.append(next(i))
    while (buffer.isBehind) await sleep(0)
    const [entry] = await reading
    if (entry === undefined) throw new Error('nothing to send')
    await cursor.markInFlight({ first: entry.sequence, last: entry.sequence, note: '' })
    await cursor.commit(entry.sequence)
  }
  const written = pages() - pagesBefore
  await buffer.close()
  const perDay = (value: number) => (value / rounds) * intervalsPerDay
  return [Math.round(perDay(count.syncs)), perDay(count.bytes) / 1e6, perDay(written) / 1e6, perDay(count.log) / 1e6]
}

const pages = () => Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])

function counted(directory: string, count: { syncs: number; bytes: number; log: number }): FileSystem {
  const disk = diskIn(directory)
  return {
    ...disk,
    async open(path, mode) {
      const file = await disk.open(path, mode)
      return {
        ...file,
        write(bytes, position) {
          count.bytes += bytes.length
          if (path.includes('/log/')) count.log += bytes.length
          return file.write(bytes, position)
        },
        datasync() {
          count.syncs++
          return file.datasync()
        },
      }
    },
    syncDirectory(path) {
      count.syncs++
      return disk.syncDirectory(path)
    },
  }
}
