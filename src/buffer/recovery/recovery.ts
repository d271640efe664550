import type { Clock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import { CursorFile } from '../cursor/file.ts'

import { diskRemedy } from '../disk/disk-hints.ts'
import { type FileSystem, opened } from '../disk/filesystem.ts'
import { Quarantine } from '../log/quarantine.ts'

import type { LogPosition } from '../memory-tail.ts'
import { cursorMessages, downgradeMessages, messages } from '../messages.ts'
import { createStats } from '../metrics.ts'
import type { DiskDeps, DiskOptions } from '../options.ts'
import { type Segment, Segments } from '../segment/directory.ts'

import { firstOf, headerBytes, readHeader, recordsOf, recordType } from '../segment/format.ts'
import type { Loss } from '../segment/reader.ts'
import { type Head, headOf } from '../segment/snapshot-codec.ts'
import type { BufferStats } from '../types.ts'
import { moveUnreadable, type UnreadableSegment } from './downgrade.ts'

interface Deps {
  readonly files: FileSystem
  readonly clock: Clock
  readonly log: Log
  readonly stats: BufferStats
  readonly segments: Segments
  readonly corrupt: Quarantine
  readonly cursors: CursorFile
  /** False for `sync: end`: the start does not wait for the disk. */
  readonly syncs: boolean
  /** True for an agent: moves segments of a newer version to the spool before it appends. */
  readonly movesUnreadable: boolean
}

/** The state of the log at the start. */
export interface RecoveredLog {
  /** The highest position that a segment or a cursor refers to. */
  readonly last: LogPosition
  /** The newest snapshot in the log, and the boot id of its segment. */
  readonly newest: (Head & { readonly bootId: string }) | undefined
  /** True if there are segments, and cursors are missing or corrupt: the position of an endpoint may be unknown. */
  readonly lostCursors: boolean
  /** Segments of a newer version that are still in the log directory. */
  readonly unreadable: readonly UnreadableSegment[]
  /** Range of samples in the segments that were moved to the spool. */
  readonly moved: Loss | undefined
}

/** Reads and repairs the log of the previous agent. Logs disk errors, and then returns an empty log. */
export async function recover(directory: string, deps: Deps): Promise<RecoveredLog> {
  const { files, segments, cursors, log, stats } = deps
  let newest: RecoveredLog['newest']
  let beyond = 0
  let unreadable: readonly UnreadableSegment[] = []
  try {
    await files.makeDirectory(segments.directory)
    if (deps.syncs) await files.syncDirectory(directory)
    ;({ beyond, unreadable: unreadable } = await findSegments(deps))
    newest = await newestOf(deps)
  } catch (error) {
    stats.diskErrors++
    const err = messageOf(error)
    report(log, messages.directoryFailed, { directory, err, hint: diskRemedy(err) })
  }
  try {
    await cursors.load()
  } catch (error) {
    stats.diskErrors++
    report(log, cursorMessages.readFailed, { directory, err: messageOf(error) })
  }
  let movedSegments: readonly UnreadableSegment[] = []
  if (deps.movesUnreadable) ({ unreadable, movedSegments } = await move(directory, unreadable, deps))
  const places: LogPosition[] = [
    { sequence: beyond, samples: 0 },
    ...(newest ? [{ sequence: newest.sequence, samples: newest.samplesBefore + newest.samples }] : []),
    ...cursors.states.flatMap(({ position, inFlight }) => [
      position,
      ...(inFlight ? [{ sequence: inFlight.last, samples: inFlight.samples }] : []),
    ]),
  ]
  const last = {
    sequence: Math.max(...places.map(({ sequence }) => sequence)),
    samples: Math.max(...places.map(({ samples }) => samples)),
  }
  const lostCursors = segments.all.length > 0 && (cursors.states.length === 0 || cursors.orphans > 0)
  const [oldestMoved, newestMoved] = [movedSegments[0], movedSegments.at(-1)]
  const behind = segments.all.find(({ first }) => first > (newestMoved?.first ?? 0))?.samplesBefore
  const moved = oldestMoved && { from: oldestMoved.header.samplesBefore, to: behind ?? last.samples }
  return { last, newest, lostCursors, unreadable, moved }
}

/** Moves segments of a newer version to the spool. On an error they stay in the log directory. */
async function move(directory: string, unreadable: readonly UnreadableSegment[], deps: Deps) {
  try {
    return {
      unreadable: [],
      movedSegments: await moveUnreadable(directory, { unreadable, states: deps.cursors.states }, deps),
    }
  } catch (error) {
    const err = messageOf(error)
    deps.stats.diskErrors++
    report(deps.log, downgradeMessages.moveFailed, { directory, err, hint: diskRemedy(err) })
    return { unreadable, movedSegments: [] }
  }
}

/** Both clocks at the newest snapshot, if it is of this boot; `unknown` after a reboot, `none` for an empty log. */
export function continuityOf({ newest }: RecoveredLog, bootId: string) {
  if (newest === undefined) return 'none'
  return newest.bootId === bootId ? { wallMs: newest.timestampMs, bootMs: newest.bootMs } : 'unknown'
}

/** Reads all headers. `beyond` is higher than every sequence number in segments that are unreadable. */
async function findSegments({ files, segments, corrupt, log }: Deps) {
  let beyond = 0
  const unreadable: UnreadableSegment[] = []
  const numbers = (await files.list(segments.directory)).flatMap((name) => firstOf(name) ?? [])
  for (const first of numbers.sort((left, right) => left - right)) {
    const path = segments.pathOf(first)
    try {
      const { size, header, whole } = await opened(files, path, 'read', async (file) => {
        const { size } = await file.status()
        const header = readHeader(await file.read(0, headerBytes))
        return { size, header, whole: header === 'corrupt' ? await file.read(0, size) : undefined }
      })
      if (typeof header === 'object' && header.isNewer) {
        unreadable.push({ path, first, bytes: size, header })
        beyond = Math.max(beyond, first + size) // a record has more than one byte
      } else if (typeof header === 'object')
        segments.add({ path, first, samplesBefore: header.samplesBefore, createdMs: header.createdMs, bytes: size })
      else await adopt(path, first, whole ?? Buffer.alloc(0), { segments, corrupt })
    } catch (error) {
      report(log, messages.segmentFailedToOpen, { path, err: messageOf(error) })
      beyond = Math.max(beyond, first + (1 << 22))
    }
  }
  return { beyond, unreadable }
}

/**
 * Adds a segment with a corrupt header: its first snapshot contains the same values. Without one, quarantines the file.
 */
async function adopt(path: string, first: number, bytes: Buffer, deps: Pick<Deps, 'segments' | 'corrupt'>) {
  for (const { type, payload } of recordsOf(bytes, () => {})) {
    if (type !== recordType.snapshot) continue
    const { samplesBefore, timestampMs } = headOf(payload)
    await deps.corrupt.keep(path, 0, Buffer.from(bytes.subarray(0, headerBytes)))
    deps.segments.add({ path, first, samplesBefore, createdMs: timestampMs, bytes: bytes.length })
    return
  }
  await deps.corrupt.keepFile(path, bytes.length)
}

/** The newest complete snapshot. Truncates a torn write after it, and removes last segments without a snapshot. */
async function newestOf({ files, segments, corrupt, log }: Deps): Promise<RecoveredLog['newest']> {
  for (let last = segments.all.at(-1); last !== undefined; last = segments.all.at(-1)) {
    const { newest, end, bootId } = await inspectSegment(last, files)
    if (newest !== undefined) {
      if (end < last.bytes) await truncateTail(last, end, files, log)
      return { ...newest, bootId }
    }
    segments.forget(last)
    if (last.bytes > headerBytes) await corrupt.keepFile(last.path, last.bytes)
    else await files.remove(last.path)
  }
  return undefined
}

async function inspectSegment(segment: Segment, files: FileSystem) {
  const bytes = await opened(files, segment.path, 'read', (file) => file.read(0, segment.bytes))
  const header = readHeader(bytes)
  let newest: Head | undefined
  let end = headerBytes
  for (const { type, payload, at, length } of recordsOf(bytes, () => {})) {
    end = at + length
    if (type === recordType.snapshot) newest = headOf(payload)
  }
  return { newest, end, bootId: typeof header === 'object' ? header.bootId : '' }
}

async function truncateTail(segment: Segment, end: number, files: FileSystem, log: Log): Promise<void> {
  const torn = segment.bytes - end
  segment.bytes = end
  report(log, messages.tornWrite, { segment: segment.path, bytes: torn })
  try {
    await opened(files, segment.path, 'update', (file) => file.truncate(end))
  } catch (error) {
    report(log, messages.truncateFailed, { segment: segment.path, err: messageOf(error) })
  }
}

/** The parts of an opened log. */
export interface Opened extends RecoveredLog {
  readonly stats: BufferStats
  readonly segments: Segments
  readonly corrupt: Quarantine
  readonly cursors: CursorFile
}

/** Opens and recovers the log in a directory. Never rejects: errors are logged, and unreadable parts are skipped. */
export async function openLog(
  { directory, sync }: DiskOptions,
  { files, log, clock, isAgent = false }: Pick<DiskDeps, 'files' | 'log' | 'clock' | 'isAgent'>,
): Promise<Opened> {
  const stats = createStats()
  const segments = new Segments(files, `${directory}/log`)
  const corrupt = new Quarantine(`${directory}/corrupt`, { files, clock, log, stats })
  const cursors = new CursorFile(`${directory}/cursors`, {
    ...{ files, clock, log, stats, syncs: sync === 'always', syncsAtEnd: sync === 'end' },
  })
  const syncs = sync !== 'end'
  const found = await recover(directory, {
    ...{ files, clock, log, stats, segments, corrupt, cursors, syncs },
    movesUnreadable: isAgent,
  })
  return { stats, segments, corrupt, cursors, ...found }
}
