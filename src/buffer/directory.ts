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
