import { type Family, gauge, type Labels, ownCounter } from '../metrics/index.ts'
import type { Buffer, BufferStats, DropReason } from './types.ts'

const dropped = ownCounter(
  'prometheus_remote_storage_samples_dropped_total',
  'Samples that will not be delivered, by reason.',
  ['remote_name', 'url', 'reason'],
)
const appended = ownCounter('hostpush_buffer_appended_samples_total', 'Samples appended to the buffer.')
const bytes = gauge('hostpush_buffer_bytes', 'Size of the buffer on disk, or in memory if it uses no disk.')
const diskErrors = ownCounter(
  'hostpush_buffer_disk_errors_total',
  'Writes, syncs and openings of buffer files that failed.',
)
const damaged = ownCounter('hostpush_buffer_corrupt_records_total', 'Corrupt records found in the buffer.')

/**
 * The current metrics of the buffer. The outputs report the backlog of each endpoint. `urls`: the URLs of the
 * configured endpoints by name, without secrets.
 */
export function* familiesOf(
  { stats }: Pick<Buffer, 'stats'>,
  urls: ReadonlyMap<string, string>,
): Generator<readonly [Family, number, Labels?]> {
  yield [appended, stats.appendedSamples]
  yield [bytes, stats.bytes]
  yield [diskErrors, stats.diskErrors]
  yield [damaged, stats.corruptRecords]
  for (const endpoint of new Set([...urls.keys(), ...stats.dropped.keys()])) {
    const reasons = new Map([['too_old', 0], ...(stats.dropped.get(endpoint) ?? [])])
    const labels = { remote_name: endpoint, url: urls.get(endpoint) ?? '' }
    for (const [reason, samples] of reasons) yield [dropped, samples, { ...labels, reason }]
  }
}

export const createStats = (): BufferStats => ({
  appendedSnapshots: 0,
  appendedSamples: 0,
  bytes: 0,
  diskErrors: 0,
  corruptRecords: 0,
  dropped: new Map(),
})

export function countDropped({ dropped }: BufferStats, endpoint: string, reason: DropReason, samples: number): void {
  const reasons = dropped.get(endpoint) ?? new Map<DropReason, number>()
  dropped.set(endpoint, reasons.set(reason, (reasons.get(reason) ?? 0) + samples))
}
