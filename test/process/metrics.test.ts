import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textOf } from '../../src/metrics/exposition/write.ts'
import { type JobProgress, jobSnapshots } from '../../src/process/metrics.ts'

const course: JobProgress = {
  startedMs: 1_700_000_000_500,
  durationMs: 2250,
  usage: { userTicks: 125, systemTicks: 3, readBytes: 4096, writtenBytes: 0 },
  peakMemoryBytes: 1_048_576,
}
const samples = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .sort()
const sofar = [
  'batch_job_start_timestamp_seconds 1.7000000005e+09',
  'batch_job_duration_seconds 2.25',
  'batch_job_cpu_seconds{mode="user"} 1.25',
  'batch_job_cpu_seconds{mode="system"} 0.03',
  'batch_job_peak_memory_bytes 1.048576e+06',
  'batch_job_read_bytes 4096',
  'batch_job_written_bytes 0',
]

test('exit code and success are emitted at the end of a run, and the time of the last success only after a success', () => {
  const snapshotOf = jobSnapshots({ job_name: 'a' })
  const told = (exitCode?: number) =>
    samples(
      textOf(
        snapshotOf({ ...course, ...(exitCode !== undefined && { end: { exitCode, endedMs: 1_700_000_002_750 } }) }, 1),
      ),
    )
  assert.deepEqual(told(), sofar.toSorted())
  const end = 'batch_job_end_timestamp_seconds 1.70000000275e+09'
  assert.deepEqual(told(137), [...sofar, end, 'batch_job_exit_code 137', 'batch_job_success 0'].sort())
  const success = [
    ...sofar,
    end,
    'batch_job_exit_code 0',
    'batch_job_success 1',
    'batch_job_last_success_timestamp_seconds 1.70000000275e+09',
  ]
  assert.deepEqual(told(0), success.sort())
})

test('metrics that the kernel does not provide are not emitted', () => {
  const usage = { ...course.usage, readBytes: undefined, writtenBytes: undefined }
  const snapshot = jobSnapshots({})({ ...course, usage, peakMemoryBytes: undefined }, 5)
  assert.equal(snapshot.timestampMs, 5)
  assert.deepEqual(samples(textOf(snapshot)), sofar.slice(0, 4).sort())
})
