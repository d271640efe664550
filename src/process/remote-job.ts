import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { JobProgress } from './metrics.ts'

/*
 * A job runs in one process, and another process pushes its metrics: root starts the command, and a process of the user who owns
 * the buffer directory writes there. They exchange lines of JSON.
 */

/** Data about a job that the pushing process needs. */
export interface RunningJob {
  /** Aborts when the command has ended. */
  readonly ended: AbortSignal
  /** Aborts when the user does not want to wait for delivery. */
  readonly cutShort: AbortSignal
  progress(): JobProgress | Promise<JobProgress>
  /** Calls back at each termination signal. */
  onNotice(callback: () => void): void
}

type Notice = 'ended' | 'cutShort' | 'notice'
interface FromJob {
  readonly notice?: Notice
  readonly progress?: JobProgress
}
interface ToJob {
  readonly ask: 'progress' | 'state'
}

const linesOf = (stream: Readable) => createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })

/** The end of the process with the command. `onReady`: the other process has asked for the first time. */
export function serveJob(job: RunningJob, { input, output }: Channel, onReady: () => void): void {
  const send = (message: FromJob) => output.write(`${JSON.stringify(message)}\n`)
  const atAbort = (signal: AbortSignal, notice: Notice) => {
    if (signal.aborted) send({ notice })
    else signal.addEventListener('abort', () => send({ notice }), { once: true })
  }
  output.on('error', () => {}) // the other process has ended
  job.onNotice(() => send({ notice: 'notice' }))
  linesOf(input).on('line', async (line) => {
    const { ask } = JSON.parse(line) as ToJob
    if (ask === 'progress') return send({ progress: await job.progress() })
    onReady()
    atAbort(job.ended, 'ended')
    atAbort(job.cutShort, 'cutShort')
  })
}

interface Channel {
  readonly input: Readable
  readonly output: Writable
}

/** The end of the process that pushes. Calls `onLost` when the process with the command has ended too early. */
export function remoteJob({ input, output }: Channel, onLost: () => void): RunningJob {
  const [ended, cutShort] = [new AbortController(), new AbortController()]
  const callbacks: (() => void)[] = []
  const waiting: ((progress: JobProgress) => void)[] = []
  const send = (message: ToJob) => output.write(`${JSON.stringify(message)}\n`)
  const actions: Readonly<Record<Notice, () => void>> = {
    ended: () => ended.abort(new Error('the command has ended')),
    cutShort: () => cutShort.abort(new Error('stopped by a second signal')),
    notice: () => {
      for (const callback of callbacks) callback()
    },
  }
  output.on('error', () => {}) // `input` ends too
  linesOf(input)
    .on('line', (line) => {
      const { notice, progress } = JSON.parse(line) as FromJob
      if (notice !== undefined) actions[notice]()
      if (progress !== undefined) waiting.shift()?.(progress)
    })
    .on('close', onLost)
  send({ ask: 'state' })
  return {
    ended: ended.signal,
    cutShort: cutShort.signal,
    onNotice: (callback) => callbacks.push(callback),
    progress: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        send({ ask: 'progress' })
      }),
  }
}
