import { gauge, type Labels, SeriesTable, type Snapshot, SnapshotBuilder } from '../metrics/index.ts'

import type { Usage } from './usage.ts'

/* All are gauges: they tell of one run, and the next one begins anew. */
const started = gauge('batch_job_start_timestamp_seconds', 'When the run began, in seconds since the epoch.')
const ended = gauge('batch_job_end_timestamp_seconds', 'When the run ended, in seconds since the epoch.')
const duration = gauge('batch_job_duration_seconds', 'How long the run took, or has been going on.')
const exitCode = gauge('batch_job_exit_code', 'How the command ended, as a shell says it: 128 plus the signal.')
const success = gauge('batch_job_success', 'Whether the command ended with exit code 0.')
const lastSuccess = gauge('batch_job_last_success_timestamp_seconds', 'When a run last ended with exit code 0.')
const cpu = gauge('batch_job_cpu_seconds', 'CPU time that the command and its children have used.', ['mode'])
const memory = gauge('batch_job_peak_memory_bytes', 'Most resident memory that the command and its children had.')
const read = gauge('batch_job_read_bytes', 'Bytes that the command and its children have read from storage.')
const written = gauge('batch_job_written_bytes', 'Bytes that the command and its children have written to storage.')

const ticksPerSecond = 100

/** What is known of a run at some time. Milliseconds are those since the epoch, of the wall clock. */
export interface JobProgress {
  readonly startedMs: number
  /** By a clock that no step moves. */
  readonly durationMs: number
  readonly usage: Usage
  readonly peakMemoryBytes: number | undefined
  readonly end?: { readonly endedMs: number; readonly exitCode: number }
}

/**
 * Makes snapshots of one run. What is told at its end alone is not there before; a run that failed says nothing of the
 * last success, so that whoever remembers one keeps it.
 */
export function jobSnapshots(identity: Labels): (course: JobProgress, timestampMs: number) => Snapshot {
  const builder = new SnapshotBuilder(new SeriesTable(identity))
  return ({ startedMs, durationMs, usage, peakMemoryBytes, end }, timestampMs) => {
    const add = (family: typeof started, value: number | undefined) => {
      if (value !== undefined) builder.add(family, value)
    }
    builder.begin()
    add(started, startedMs / 1000)
    add(duration, durationMs / 1000)
    builder.add(cpu, usage.userTicks / ticksPerSecond, { mode: 'user' })
    builder.add(cpu, usage.systemTicks / ticksPerSecond, { mode: 'system' })
    add(memory, peakMemoryBytes)
    add(read, usage.readBytes)
    add(written, usage.writtenBytes)
    if (end !== undefined) {
      add(ended, end.endedMs / 1000)
      add(exitCode, end.exitCode)
      add(success, end.exitCode === 0 ? 1 : 0)
      if (end.exitCode === 0) add(lastSuccess, end.endedMs / 1000)
    }
    return builder.end(timestampMs)
  }
}
