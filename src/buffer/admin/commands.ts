import type { DiskCursor } from '../cursor/cursor.ts'
import type { DiskBuffer } from '../disk-buffer.ts'
import type { Answer, Request } from '../lock/lockfile.ts'
import type { LogPosition } from '../memory-tail.ts'
import { fractionOf, includes } from '../sampling.ts'
import type { DropReason } from '../types.ts'
import { type Format, rowsOf } from './export.ts'

/** The row of an endpoint in `ls`. Times are milliseconds since the epoch. */
export interface EndpointRow {
  readonly kind: 'endpoint'
  readonly endpoint: string
  /** False if it is no longer in the configuration; undefined if no agent runs. */
  readonly isConfigured: boolean | undefined
  readonly snapshots: number
  readonly samples: number
  readonly bytes: number
  readonly oldestMs: number | undefined
  readonly newestMs: number | undefined
  readonly dropped: Partial<Record<DropReason, number>>
}

/** Dead letters of one endpoint with the same reason. */
export interface DeadLetterRow {
  readonly kind: 'dead_letters'
  readonly endpoint: string
  readonly reason: string
  readonly samples: number
  readonly newestMs: number
}

export interface BufferRow {
  readonly kind: 'buffer'
  readonly directory: string
  readonly bytes: number
  readonly segments: number
  /** The history: delivered segments within `keep`. */
  readonly keptBytes: number
  readonly keptSegments: number
  /** Number of copies in corrupt/. */
  readonly corrupt: number
  readonly problem: string | undefined
}

export type Row = EndpointRow | DeadLetterRow | BufferRow

/** The samples that `drop` drops, or would drop in a dry run. */
export interface DropRow {
  readonly endpoint: string
  readonly samples: number
  /** The part of `samples` that is in flight: it may still be delivered. */
  readonly inFlight: number
  /** Samples in dead letters. */
  readonly rejected: number
}

/** The commands of the control channel. A command that has opened the buffer itself calls them directly. */
export function adminCommands(buffer: DiskBuffer, isAgent: boolean): Answer {
  return (request) => {
    if (request.command === 'ls' || request.command === 'status') return list(buffer, isAgent)
    if (request.command === 'export') return exportRows(buffer, request)
    if (request.command === 'drop') return drop(buffer, request, isAgent)
    throw new Error(`buffer: unknown command ${request.command}, supported: ls, status, export, drop`)
  }
}

async function* list(buffer: DiskBuffer, isAgent: boolean): AsyncGenerator<Row> {
  const { directory, stats, segments, problem } = buffer
  const corrupt = await buffer.quarantine.count()
  const kept = await buffer.kept.all()
  const { all, bytes } = segments
  yield {
    kind: 'buffer',
    directory,
    bytes,
    segments: all.length,
    keptBytes: kept.reduce((sum, one) => sum + one.bytes, 0),
    keptSegments: kept.length,
    corrupt,
    problem,
  }
  for (const cursor of buffer.cursors) {
    const { snapshots, samples, bytes, oldestMs } = cursor.backlog()
    yield {
      kind: 'endpoint',
      endpoint: cursor.name,
      isConfigured: isAgent ? buffer.isConfigured(cursor.name) : undefined,
      ...{ snapshots, samples, bytes },
      oldestMs: snapshots === 0 ? undefined : ((await firstMs(buffer, cursor.position)) ?? oldestMs),
      newestMs: snapshots === 0 ? undefined : buffer.newestMs,
      dropped: Object.fromEntries(stats.dropped.get(cursor.name) ?? []),
    }
  }
  yield* await deadLetters(buffer)
}

async function firstMs(buffer: DiskBuffer, { sequence }: LogPosition): Promise<number | undefined> {
  const reader = buffer.reader(sequence)
  try {
    return (await reader.next())?.snapshot.timestampMs
  } finally {
    await reader.close()
  }
}

async function deadLetters(buffer: DiskBuffer): Promise<readonly DeadLetterRow[]> {
  const rows = new Map<string, DeadLetterRow>()
  for await (const { refusal } of buffer.deadLetters.read()) {
    const { endpoint, reason, samples, atMs } = refusal
    const key = `${endpoint}\n${reason}`
    const known = rows.get(key)
    rows.set(key, { kind: 'dead_letters', endpoint, reason, samples: (known?.samples ?? 0) + samples, newestMs: atMs })
  }
  return [...rows.values()]
}

async function* exportRows(buffer: DiskBuffer, { endpoint, deadLetters, format }: Request): AsyncGenerator<string> {
  const rows = rowsOf(format as Format)
  if (deadLetters === true) {
    for await (const { refusal, entries } of buffer.deadLetters.read()) {
      if (endpoint !== undefined && refusal.endpoint !== endpoint) continue
      yield* rows.remark(`rejected by ${refusal.endpoint}: ${refusal.reason}`)
      for (const { snapshot } of entries) yield* rows.of(snapshot)
    }
    return
  }
  const cursors = endpoint === undefined ? buffer.cursors : [cursorOf(buffer, String(endpoint))]
  const reader = buffer.reader(Math.min(...cursors.map(({ position }) => position.sequence)))
  try {
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
      const { sequence, snapshot } = entry
      if (
        cursors.length === 0 ||
        cursors.some((one) => sequence > one.position.sequence && includes(one.sampling, snapshot))
      )
        yield* rows.of(snapshot)
    }
  } finally {
    await reader.close()
  }
}

async function* drop(buffer: DiskBuffer, request: Request, isAgent: boolean): AsyncGenerator<DropRow> {
  const endpoint = request['endpoint'] === undefined ? undefined : String(request['endpoint'])
  const beforeMs = request['beforeMs'] === undefined ? undefined : Number(request['beforeMs'])
  const end = beforeMs === undefined ? buffer.last : await positionBefore(buffer, beforeMs)
  const isSelected = (name: string) => endpoint === undefined || name === endpoint
  const selected = request['deadLetters'] === true ? [] : buffer.cursors.filter(({ name }) => isSelected(name))
  const before = beforeMs ?? Number.POSITIVE_INFINITY
  for (const { name, position, sampling, samplesOnTheirWay } of selected) {
    const all = Math.max(0, end.samples - position.samples)
    const sending = Math.min(all, samplesOnTheirWay - position.samples)
    yield { endpoint: name, samples: fractionOf(sampling, all), inFlight: fractionOf(sampling, sending), rejected: 0 }
  }
  for await (const { refusal } of buffer.deadLetters.read())
    if (isSelected(refusal.endpoint) && refusal.atMs < before)
      yield { endpoint: refusal.endpoint, samples: 0, inFlight: 0, rejected: refusal.samples }
  if (request['isDry'] === true) return
  for (const { name } of selected) await buffer.dropThrough(end, name)
  await buffer.deadLetters.clear(endpoint, before)
  for (const { name } of selected) {
    const isRemoved = isAgent && name === endpoint && beforeMs === undefined && !buffer.isConfigured(name)
    if (isRemoved) await buffer.forget(name)
  }
}

/** The position of the last snapshot with a timestamp before `beforeMs`. */
async function positionBefore(buffer: DiskBuffer, beforeMs: number): Promise<LogPosition> {
  const start = buffer.segments.all.findLast(({ createdMs }) => createdMs < beforeMs)
  let position: LogPosition = start
    ? { sequence: start.first - 1, samples: start.samplesBefore }
    : { sequence: 0, samples: 0 }
  const reader = buffer.reader(position.sequence)
  try {
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next()) {
      if (entry.snapshot.timestampMs >= beforeMs) break
      position = { sequence: entry.sequence, samples: entry.samplesAfter }
    }
  } finally {
    await reader.close()
  }
  return position
}

function cursorOf(buffer: DiskBuffer, endpoint: string): DiskCursor {
  const cursor = buffer.cursors.find(({ name }) => name === endpoint)
  if (cursor !== undefined) return cursor
  const known = buffer.cursors.map(({ name }) => name).join(', ') || 'none'
  throw new Error(`buffer: unknown endpoint ${endpoint}, known endpoints: ${known}`)
}
