import type { Clock } from '../util/clock.ts'

/**
 * The directory `spool` of a buffer: in it a log for each batch command that has not delivered all (`spool/<id>/`, laid out
 * as the agent's own), those of a newer version (newer.ts), and the queue of those that deliver (`spool/queue/`, turn.ts).
 * The owner's socket in a log says that its command lives. `run.json` beside the log holds what the log does not tell.
 */
export const runsIn = (directory: string): string => `${directory}/spool`
export const turnsIn = (directory: string): string => `${runsIn(directory)}/queue`

/** Milliseconds since the epoch first: ids sort as the runs began. */
export function newId(clock: Pick<Clock, 'now'>): string {
  const time = String(Math.floor(clock.now())).padStart(15, '0')
  return `${time}-${process.pid}-${Math.random().toString(36).slice(2, 6)}`
}

/**
 * What a command queues for: to take its last samples, and then to deliver to each output. So at each output samples come
 * in the order in which they were taken, and one that is away keeps nobody waiting who has nothing for it.
 */
export const turns = { append: 'append', at: (output: string) => `at ${output}` } as const

/** Where the buffer is unless the configuration says so; `undefined` where this user has no place for it. */
export function defaultDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  userId: number | undefined,
): string | undefined {
  // systemd makes it for a unit with StateDirectory=, and gives several with colons between them
  const [given] = (environment['STATE_DIRECTORY'] ?? '').split(':')
  if (given) return given
  if (userId === 0) return '/var/lib/hostpush'
  // https://specifications.freedesktop.org/basedir-spec/latest/: a relative path is to be ignored
  const state = environment['XDG_STATE_HOME']
  if (state?.startsWith('/')) return `${state}/hostpush`
  const home = environment['HOME']
  return home ? `${home}/.local/state/hostpush` : undefined
}
