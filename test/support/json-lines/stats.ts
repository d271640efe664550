import type { Emit } from '../../../src/collector.ts'
import type { ReceiverLabels } from '../../../src/http/index.ts'
import { gauge, ownCounter } from '../../../src/metrics/index.ts'

/** The numbers of one receiver. */
export interface JsonLinesStats {
  samples: number
  rejected: number
  retries: number
  bytes: number
  /** Answers by status; 0 stands for no answer. */
  readonly answers: Map<number, number>
}

export const createStats = (): JsonLinesStats => ({ samples: 0, rejected: 0, retries: 0, bytes: 0, answers: new Map() })

const prefix = 'hostpush_json_lines'
const of = ['remote_name', 'url'] as const

const samples = ownCounter(`${prefix}_samples_total`, 'Samples delivered.', of)
const rejected = ownCounter(`${prefix}_samples_rejected_total`, 'Samples that the receiver rejected.', of)
const retries = ownCounter(`${prefix}_retries_total`, 'Requests that were retried.', of)
const bytes = ownCounter(`${prefix}_bytes_total`, 'Bytes of delivered requests.', of)
const requests = ownCounter(`${prefix}_requests_total`, 'Requests by status; 0 without an answer.', [...of, 'code'])
const pending = gauge(`${prefix}_pending_snapshots`, 'Snapshots in the backlog.', of)

export function emitStats(emit: Emit, labels: ReceiverLabels, stats: JsonLinesStats, snapshots: number): void {
  emit(samples, stats.samples, labels)
  emit(rejected, stats.rejected, labels)
  emit(retries, stats.retries, labels)
  emit(bytes, stats.bytes, labels)
  for (const [code, count] of stats.answers) emit(requests, count, { ...labels, code: String(code) })
  emit(pending, snapshots, labels)
}
