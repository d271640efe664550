import type { Clock } from '../util/clock.ts'

/**
 * The directory `spool` of a buffer. `spool/<id>/` is the log of a batch command with undelivered samples, in the
 * layout of the agent's log, or segments of a newer version (recovery/downgrade.ts). `spool/queue/` is the queue of
 * delivering processes (lock/fifo-queue.ts). A listening `owner` socket in a log means that its command still runs.
 * `run.json` beside the log is the manifest of the command.
 */
export const runsIn = (directory: string): string => `${directory}/spool`
export const turnsIn = (directory: string): string => `${runsIn(directory)}/queue`

/** The buffer directory of a log, which is the directory itself or one of a batch command in its spool. */
export const rootOf = (directory: string): string => /^(.*)\/spool\/\d{15}-[^/]*\/*$/s.exec(directory)?.[1] ?? directory

/** Ids start with the time, milliseconds since the epoch, so they sort by start time. */
export function newId(clock: Pick<Clock, 'now'>): string {
  const time = String(Math.floor(clock.now())).padStart(15, '0')
  return `${time}-${process.pid}-${Math.random().toString(36).slice(2, 6)}`
}

/**
 * The resources that a command queues for: first `append`, to collect its last samples, then each output, to deliver.
 * Each output receives samples in the order of collection. An unreachable output does not delay commands that send
 * nothing to it.
 */
export const turns = { append: 'append', at: (output: string) => `at ${output}` } as const

/** Default of `buffer.directory`; undefined if this user has neither a state directory nor a home. */
export function defaultDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  userId: number | undefined,
): string | undefined {
  // set by systemd for StateDirectory=, several separated by colons: systemd.exec(5)
  const [stateDirectory] = (environment['STATE_DIRECTORY'] ?? '').split(':')
  if (stateDirectory) return stateDirectory
  if (userId === 0) return '/var/lib/hostpush'
  // https://specifications.freedesktop.org/basedir-spec/latest/: relative paths are ignored
  const state = environment['XDG_STATE_HOME']
  if (state?.startsWith('/')) return `${state}/hostpush`
  const home = environment['HOME']
  return home ? `${home}/.local/state/hostpush` : undefined
}
