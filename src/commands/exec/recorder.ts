import { spawn } from 'node:child_process'
import type { User } from '../../host/index.ts'
import { type RunningJob, serveJob } from '../../process/index.ts'
import type { Terminal } from '../command.ts'

/**
 * Set in the process that pushes for an `exec` of root: the user `UID:GID` that it becomes. Its standard input and output
 * lead to the process that started the command.
 */
export const recorderVariable = 'HOSTPUSH_RECORDER'

/** Attempts to start the process that pushes. */
const maxAttempts = 3

/** Events of the process that pushes for an `exec` of root: its start began, and it has asked for the job. */
export interface Recorder {
  readonly started: PromiseWithResolvers<'recorder'>
  readonly ready: PromiseWithResolvers<void>
}

/**
 * Starts this command line again, as a process that becomes the owner of the buffer directory and starts no command.
 * Returns false if that process could not begin to push; it has printed why.
 */
export async function pushByRecorder(
  { uid, gid }: User,
  running: RunningJob,
  { environment, recorder }: Pick<Terminal, 'environment'> & { readonly recorder: Recorder },
): Promise<boolean> {
  recorder.started.resolve('recorder')
  let isReady = false
  // The service manager may send SIGTERM to all processes before the new one can ignore it.
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      env: { ...environment, [recorderVariable]: `${uid}:${gid}` },
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true, // signals of the terminal are for the command
    })
    serveJob(running, { input: child.stdout, output: child.stdin }, () => {
      isReady = true
      recorder.ready.resolve()
    })
    const signal = await new Promise<string | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (_, ended) => resolve(ended))
    })
    if (isReady || signal === null) break
  }
  return isReady
}
