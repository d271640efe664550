import { CursorFile } from '../cursor/file.ts'
import { Quarantine } from '../log/quarantine.ts'
import type { DiskDeps, DiskOptions } from '../options.ts'
import { Segments } from '../segment/directory.ts'
import { createStats } from '../stats.ts'
import type { BufferStats } from '../types.ts'
import { type RecoveredLog, recover } from './recovery.ts'

/** What there is on disk as a process begins, and what it found there. */
export interface Opened extends RecoveredLog {
  readonly stats: BufferStats
  readonly segments: Segments
  readonly corrupt: Quarantine
  readonly cursors: CursorFile
}

/** Reads what an agent before has left in the directory. Never fails: what cannot be used is said, and not there. */
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
