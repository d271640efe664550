import type { Clock } from '../../util/clock.ts'
import { type Log, report } from '../../util/log.ts'
import { CursorFile } from '../cursor/file.ts'
import type { CursorState } from '../cursor/record.ts'
import { type FileSystem, opened, syncNames } from '../disk/filesystem.ts'
import { downgradeMessages } from '../messages.ts'
import { newId, runsIn } from '../paths.ts'
import { firstOf, type Header, headerBytes, readHeader, segmentName } from '../segment/format.ts'
import type { BufferStats } from '../types.ts'

/** A segment of a newer version. The header has the same format in every version; the records are unreadable. */
export interface UnreadableSegment {
  readonly path: string
  readonly first: number
  readonly bytes: number
  readonly header: Header
}

interface Deps {
  readonly files: FileSystem
  readonly clock: Clock
  readonly log: Log
  readonly stats: BufferStats
}

/**
 * Moves segments of a newer version to a new log in the spool, with a copy of every cursor. The log of this version
 * continues after them. After an upgrade, the newer version delivers the spooled log like the log of a batch command.
 * The log is built in `spool/moving` and renamed when it is complete; a start after a kill continues there. Returns the
 * moved segments.
 */
export async function moveUnreadable(
  directory: string,
  {
    unreadable,
    states,
  }: { readonly unreadable: readonly UnreadableSegment[]; readonly states: readonly CursorState[] },
  deps: Deps,
): Promise<readonly UnreadableSegment[]> {
  const { files, clock, log } = deps
  const moving = `${runsIn(directory)}/moving`
  const [partlyMoved] = await segmentsIn(moving, files).catch((error) => {
    if (unreadable.length > 0) throw error
    return [] // adoption (src/batch) reports a spool that it cannot read
  })
  const oldest = partlyMoved ?? unreadable[0]
  if (oldest === undefined) return []
  await files.makeDirectory(`${moving}/log`)
  if (!(await files.list(moving)).includes('cursors'))
    await writeCursors(
      moving,
      states.map((state) => cursorAtStart(state, oldest)),
      deps,
    )
  for (const { path, first } of unreadable) await files.rename(path, `${moving}/log/${segmentName(first)}`)
  await syncNames(files, `${moving}/log`)
  await files.syncDirectory(`${directory}/log`)
  const moved = await segmentsIn(moving, files)
  const run = `${runsIn(directory)}/${newId(clock)}`
  await files.rename(moving, run)
  await files.syncDirectory(runsIn(directory))
  report(log, downgradeMessages.moved, {
    segments: moved.length,
    bytes: moved.reduce((sum, { bytes }) => sum + bytes, 0),
    path: run,
    hint: 'upgrade again within max_age: the newer version delivers them',
  })
  return moved
}

/** Writes the file under a temporary name, and renames it when it is complete. */
async function writeCursors(directory: string, states: readonly CursorState[], deps: Deps): Promise<void> {
  const path = `${directory}/cursors`
  await deps.files.remove(`${path}.new`)
  const cursors = new CursorFile(`${path}.new`, { ...deps, syncs: true })
  for (const state of states) await cursors.save(state, true)
  await cursors.close()
  if (states.length > 0) await deps.files.rename(`${path}.new`, path)
}

async function segmentsIn(directory: string, files: FileSystem): Promise<readonly UnreadableSegment[]> {
  const numbers = (await files.list(`${directory}/log`)).flatMap((name) => firstOf(name) ?? [])
  const found: UnreadableSegment[] = []
  for (const first of numbers.sort((left, right) => left - right)) {
    const path = `${directory}/log/${segmentName(first)}`
    const { header, bytes } = await opened(files, path, 'read', async (file) => ({
      header: readHeader(await file.read(0, headerBytes)),
      bytes: (await file.status()).size,
    }))
    if (typeof header === 'object') found.push({ path, first, bytes, header })
  }
  return found
}

/** The cursor of an endpoint in a log that starts with this segment. */
function cursorAtStart(state: CursorState, { first, header }: UnreadableSegment): CursorState {
  const isBefore = state.position.sequence < first
  const { inFlight, delivered } = state
  return {
    ...state,
    position: isBefore ? { sequence: first - 1, samples: header.samplesBefore } : state.position,
    inFlight: inFlight && inFlight.last >= first ? inFlight : undefined,
    delivered: delivered >= first ? delivered : 0,
  }
}
