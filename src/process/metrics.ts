import { gauge, type Labels, SeriesTable, type Snapshot, SnapshotBuilder } from '../metrics/index.ts'

import type { Usage } from './usage.ts'

/* All are gauges: they describe one run, and the next run starts from zero. */
const started = gauge('batch_job_start_timestamp_seconds', 'When the run began, in seconds since the epoch.')
const ended = gauge('batch_job_end_timestamp_seconds', 'When the run ended, in seconds since the epoch.')
const duration = gauge(
  'batch_job_duration_seconds',
  'Duration of the run until its end, or until now while it runs, in seconds.',
)
const exitCode = gauge(
  'batch_job_exit_code',
  'Exit code of the command as in a shell: 128 plus the signal number if a signal ended it.',
)
const success = gauge('batch_job_success', 'Whether the command ended with exit code 0.')
const lastSuccess = gauge(
  'batch_job_last_success_timestamp_seconds',
  'When a run last ended with exit code 0, in seconds since the epoch.',
)
const cpu = gauge('batch_job_cpu_seconds', 'CPU time that the command and its children have used, in seconds.', [
  'mode',
])
const memory = gauge('batch_job_peak_memory_bytes', 'Peak resident memory of the command and its children.')
const read = gauge('batch_job_read_bytes', 'Bytes that the command and its children have read from storage.')
const written = gauge('batch_job_written_bytes', 'Bytes that the command and its children have written to storage.')

const ticksPerSecond = 100

/** State of a run at one time. `startedMs` and `endedMs`: wall clock, milliseconds since the epoch. */
export interface JobProgress {
  readonly startedMs: number
  /** Measured with the monotonic clock. */
  readonly durationMs: number
  readonly usage: Usage
  readonly peakMemoryBytes: number | undefined
  readonly end?: { readonly endedMs: number; readonly exitCode: number }
}

/**
 * Returns the function that builds the snapshots of one run. End time, exit code and success are emitted only after the
 * end. A failed run does not emit the time of the last success, so a Pushgateway keeps that of an earlier run.
 */
export function jobSnapshots(identity: Labels): (progress: JobProgress, timestampMs: number) => Snapshot {
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
