import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { type RunningJob, remoteJob, serveJob } from '../../src/process/remote-job.ts'

/** A job, and the same job as another process sees it. */
function pair() {
  const [ended, cutShort] = [new AbortController(), new AbortController()]
  const callbacks: (() => void)[] = []
  let reads = 0
  const usage = { userTicks: 1, systemTicks: 2, readBytes: undefined, writtenBytes: 3 }
  const job: RunningJob = {
    ended: ended.signal,
    cutShort: cutShort.signal,
    progress: () => ({ startedMs: 5, durationMs: ++reads, usage, peakMemoryBytes: 7 }),
    onNotice: (callback) => void callbacks.push(callback),
  }
  const [toJob, fromJob] = [new PassThrough(), new PassThrough()]
  const events: string[] = []
  serveJob(job, { input: toJob, output: fromJob }, () => events.push('ready'))
  const connect = () => remoteJob({ input: fromJob, output: toJob }, () => events.push('lost'))
  return { ended, cutShort, callbacks, fromJob, events, connect }
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve))
}

test('a job in another process has the same progress at each question, and the same events', async () => {
  const { ended, cutShort, callbacks, events, connect } = pair()
  const remote = connect()
  const [first, second] = await Promise.all([remote.progress(), remote.progress()])
  assert.deepEqual([first.durationMs, second.durationMs, second.usage.writtenBytes], [1, 2, 3])
  assert.deepEqual(events, ['ready'])
  const noticed = new Promise<void>((resolve) => remote.onNotice(resolve))
  for (const callback of callbacks) callback()
  await noticed
  for (const [own, controller] of [
    [remote.ended, ended],
    [remote.cutShort, cutShort],
  ] as const) {
    assert.equal(own.aborted, false)
    controller.abort()
    await until(() => own.aborted)
  }
})

test('a command that has ended before the other process asks is not missed', async () => {
  const { ended, connect } = pair()
  ended.abort()
  const remote = connect()
  await until(() => remote.ended.aborted)
})

test('the end of the process with the command is noticed', async () => {
  const { fromJob, events, connect } = pair()
  connect()
  fromJob.end()
  await until(() => events.includes('lost'))
})
