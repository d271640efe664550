import type { Clock } from '../../util/clock.ts'
import { type Log, messageOf, report } from '../../util/log.ts'
import { CursorFile } from '../cursor/file.ts'
import type { InFlightMark, InFlightMarks } from '../cursor/in-flight-mark.ts'

import { diskRemedy } from '../disk/disk-hints.ts'
import { type FileSystem, opened } from '../disk/filesystem.ts'
import { Quarantine } from '../log/quarantine.ts'

import type { LogPosition } from '../memory-tail.ts'
import { cursorMessages, messages } from '../messages.ts'
import { createStats } from '../metrics.ts'
import type { DiskDeps, DiskOptions } from '../options.ts'
import { type Segment, Segments } from '../segment/directory.ts'

import {
  firstOf,
  type Header,
  headerBytes,
  isUnsupported,
  readHeader,
  recordsOf,
  recordType,
} from '../segment/format.ts'
import { type Head, headOf } from '../segment/snapshot-codec.ts'
import type { BufferStats } from '../types.ts'
import { UnsupportedVersion } from './unsupported-version.ts'

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
}

/** The state of the log at the start. */
export interface RecoveredLog {
  /** The highest position that a segment or a cursor refers to. */
  readonly last: LogPosition
  /** The newest snapshot in the log, and the boot id of its segment. */
  readonly newest: (Head & { readonly bootId: string }) | undefined
  /** Whether the segment of the newest snapshot has corrupt records: in-flight marks may be missing. */
  readonly isNewestCorrupt: boolean
  /** The newest in-flight mark of each endpoint in the last segment. */
  readonly marks: InFlightMarks
  /** Offset of the schedule; undefined for an empty log. */
  readonly offset: number | undefined
  /** True if there are segments, and cursors are missing or corrupt: the position of an endpoint may be unknown. */
  readonly lostCursors: boolean
}

/** Reads and repairs the log of the previous agent. Logs disk errors, and then returns an empty log. */
export async function recover(directory: string, deps: Deps): Promise<RecoveredLog> {
  const { files, segments, cursors, log, stats } = deps
  let inspected: InspectedLog = { newest: undefined, isNewestCorrupt: false, marks: new Map(), offset: undefined }
  let beyond = 0
  try {
    await files.makeDirectory(segments.directory)
    if (deps.syncs) await files.syncDirectory(directory)
    ;({ beyond } = await findSegments(deps, directory))
    inspected = await inspectLog(deps)
  } catch (error) {
    if (error instanceof UnsupportedVersion) throw error
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
  const { newest } = inspected
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
  return { last, ...inspected, lostCursors }
}

/** Both clocks at the newest snapshot, if it is of this boot; `unknown` after a reboot, `none` for an empty log. */
export function continuityOf({ newest }: RecoveredLog, bootId: string) {
  if (newest === undefined) return 'none'
  return newest.bootId === bootId ? { wallMs: newest.timestampMs, bootMs: newest.bootMs } : 'unknown'
}

/**
 * Reads all headers. `beyond` is higher than every sequence number in segments that are unreadable. Throws
 * UnsupportedVersion before it changes anything.
 */
async function findSegments({ files, segments, corrupt, log }: Deps, directory: string) {
  let beyond = 0
  const numbers = (await files.list(segments.directory)).flatMap((name) => firstOf(name) ?? [])
  const whole: { readonly path: string; readonly first: number; readonly bytes: Buffer }[] = []
  for (const first of numbers.sort((left, right) => left - right)) {
    const path = segments.pathOf(first)
    try {
      await opened(files, path, 'read', async (file) => {
        const { size } = await file.status()
        const header = readHeader(await file.read(0, headerBytes))
        if (isUnsupported(header)) throw new UnsupportedVersion(directory, header.version)
        if (header === 'corrupt') whole.push({ path, first, bytes: await file.read(0, size) })
        else
          segments.add({ path, first, samplesBefore: header.samplesBefore, createdMs: header.createdMs, bytes: size })
      })
    } catch (error) {
      if (error instanceof UnsupportedVersion) throw error
      report(log, messages.segmentFailedToOpen, { path, err: messageOf(error) })
      beyond = Math.max(beyond, first + (1 << 22))
    }
  }
  for (const { path, first, bytes } of whole) await adopt(path, first, bytes, { segments, corrupt })
  return { beyond }
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

type InspectedLog = Pick<RecoveredLog, 'newest' | 'isNewestCorrupt' | 'marks' | 'offset'>

/**
 * Reads the segment of the newest complete snapshot. Truncates a torn write after that snapshot, and removes last segments
 * without a snapshot.
 */
async function inspectLog({ files, segments, corrupt, log }: Deps): Promise<InspectedLog> {
  for (let last = segments.all.at(-1); last !== undefined; last = segments.all.at(-1)) {
    const { newest, end, header, isCorrupt, marks } = await inspectSegment(last, files)
    if (newest !== undefined) {
      if (end < last.bytes) await truncateTail(last, end, files, log)
      return {
        newest: { ...newest, bootId: header?.bootId ?? '' },
        isNewestCorrupt: isCorrupt,
        marks,
        offset: header?.offset,
      }
    }
    segments.forget(last)
    if (last.bytes > headerBytes) await corrupt.keepFile(last.path, last.bytes)
    else await files.remove(last.path)
  }
  return { newest: undefined, isNewestCorrupt: false, marks: new Map(), offset: undefined }
}

async function inspectSegment(segment: Segment, files: FileSystem) {
  const bytes = await opened(files, segment.path, 'read', (file) => file.read(0, segment.bytes))
  const header = readHeader(bytes)
  const marks = new Map<string, InFlightMark>()
  let newest: Head | undefined
  let end = headerBytes
  let isCorrupt = false
  for (const { type, payload, at, length } of recordsOf(bytes, () => {})) {
    if (at > end) isCorrupt = true
    end = at + length
    if (type !== recordType.snapshot) continue
    newest = headOf(payload)
    for (const endpoint of newest.marks) marks.set(endpoint, markOf(newest))
  }
  return { newest, end, isCorrupt, marks, header: isSupported(header) ? header : undefined }
}

const isSupported = (header: ReturnType<typeof readHeader>): header is Header =>
  typeof header === 'object' && !isUnsupported(header)

const markOf = ({ sequence, samplesBefore, samples }: Head): InFlightMark => ({
  before: { sequence: sequence - 1, samples: samplesBefore },
  after: { sequence, samples: samplesBefore + samples },
})

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

/**
 * Opens and recovers the log in a directory. Throws only UnsupportedVersion: other errors are logged, and unreadable
 * parts are skipped.
 */
export async function openLog(
  { directory, sync }: DiskOptions,
  { files, log, clock }: Pick<DiskDeps, 'files' | 'log' | 'clock'>,
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
  })
  return { stats, segments, corrupt, cursors, ...found }
}
