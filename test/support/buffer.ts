import type { FileSystem } from '../../src/buffer/disk/filesystem.ts'
import { DiskBuffer } from '../../src/buffer/disk-buffer.ts'
import type { DiskOptions } from '../../src/buffer/options.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { type Log, silent } from '../../src/util/log.ts'
import { TestClock } from './clock.ts'

export const signal = new AbortController().signal
export const bootId = '01234567-89ab-cdef-0123-456789abcdef'

const room = gauge('temperature', 'Degrees.', ['room'])

/** Makes snapshots of `series` series. A value identifies its snapshot (integer part) and series (fraction). */
export function snapshots(series = 3, identity = { job: 'test' }) {
  const builder = new SnapshotBuilder(new SeriesTable(identity))
  return (number: number, names = Array.from({ length: series }, (_, i) => `r${i}`)): Snapshot => {
    builder.begin()
    names.forEach((name, i) => {
      builder.add(room, number + i / 1000, { room: name })
    })
    return builder.end(1_700_000_000_000 + number * 15_000)
  }
}

export const options: DiskOptions = {
  directory: '/b',
  sync: 'always',
  maxBytes: 1e9,
  maxAgeMs: 86_400_000,
  minFreeBytes: 0,
}

export function openLog(
  files: FileSystem,
  overrides: Partial<DiskOptions> = {},
  replaced: { clock?: TestClock; log?: Log; bootId?: string } = {},
): Promise<DiskBuffer> {
  const deps = { clock: new TestClock(), log: silent, bootId, files, onMoved: async () => {}, ...replaced }
  return DiskBuffer.open({ ...options, ...overrides }, deps)
}

/** A log that records its lines, except debug, as `level message fields`. */
export function recordingLog() {
  const lines: string[] = []
  const at = (level: string) => (message: string, fields?: object) => {
    if (level !== 'debug') lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`)
  }
  return { lines, log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } satisfies Log }
}

/** Reads and commits the whole backlog of an endpoint. Returns it as text. */
export async function allOf(buffer: DiskBuffer, endpoint = 'a', atOnce = 1000): Promise<string[]> {
  const cursor = buffer.cursor(endpoint)
  const lines: string[] = []
  while (cursor.backlog().snapshots > 0) {
    const stop = AbortSignal.timeout(30_000)
    const entries = await cursor.read({ samples: atOnce }, stop)
    for (const { sequence, snapshot } of entries) lines.push(`${sequence} ${textOf(snapshot)}`)
    await cursor.commit(entries.at(-1)?.sequence ?? 0)
  }
  return lines
}

export function textOf({ timestampMs, series, values, ownTimestampsMs }: Snapshot): string {
  const samples = series.map(
    ({ family, labelValues, identity }, i) =>
      `${family.name}${JSON.stringify([labelValues, identity])}=${values[i]}@${ownTimestampsMs?.[i] ?? ''}`,
  )
  return `${timestampMs} ${samples.join(' ')}`
}
