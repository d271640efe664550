/** Process attributes that Node changes before hostpush runs. The launcher records them before it starts Node. */
export interface Inherited {
  /** Soft limit of open files, which Node raises. */
  readonly openFiles?: string
  /** Numbers of ignored signals: nohup(1) ignores some, and so does a shell for background commands. */
  readonly ignored: readonly number[]
  /** Open descriptors from 3 to 9, those that a shell can name. Node would close them in the command. */
  readonly descriptors: readonly number[]
  /** Environment variables that the launcher set for hostpush only. */
  readonly ours: readonly string[]
}

/** Environment variable of the launcher: `files=1024 ignored=0000000000000001 fds=3,7 ours=A,B`. */
export const inheritedVariable = 'HOSTPUSH_INHERITED'

/** Without the launcher the variable is missing: the command then inherits Node's values. */
export function parseInherited(text = ''): Inherited {
  const pairs: Readonly<Record<string, string>> = Object.fromEntries(text.split(' ').map((pair) => pair.split('=')))
  const { files, ignored = '0', fds = '', ours = '' } = pairs
  const mask = BigInt(/^[0-9a-f]+$/.test(ignored) ? `0x${ignored}` : 0)
  const signals = Array.from({ length: 64 }, (_, bit) => bit + 1)
  return {
    ...(/^(\d+|unlimited)$/.test(files ?? '') && { openFiles: String(files) }),
    ignored: signals.filter((number) => (mask >> BigInt(number - 1)) & 1n),
    descriptors: fds.split(',').filter(Boolean).map(Number),
    ours: ours.split(',').filter((name) => name.startsWith('MALLOC_')),
  }
}

/** Variables of the launcher that are no secrets: the command may run hostpush too. */
const forLauncher = ['HOSTPUSH_NODE', 'HOSTPUSH_NODE_FLAGS']

const isOurs = (name: string): boolean => name.startsWith('HOSTPUSH_') && !forLauncher.includes(name)

/**
 * The environment of the command: that of hostpush without the launcher's variables, and without other variables that begin
 * with HOSTPUSH_: they may contain passwords and tokens for the configuration.
 */
export const environmentOf = (environment: NodeJS.ProcessEnv, { ours }: Inherited): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !isOurs(name) && !ours.includes(name)))

/** A command line that restores the inherited attributes in a shell and then replaces the shell with the command. */
export function wrapped(
  words: readonly string[],
  { openFiles, ignored, descriptors }: Inherited,
  first: readonly string[] = [],
): readonly string[] {
  const gaps = gapsBetween(descriptors).map((fd) => `${fd}>&-`)
  const steps = [
    ...first,
    ...(openFiles === undefined ? [] : [`ulimit -S -n ${openFiles}`]),
    ...(ignored.length === 0 ? [] : [`trap '' ${ignored.join(' ')}`]),
    ...(gaps.length === 0 ? [] : [`exec ${gaps.join(' ')}`]),
  ]
  return steps.length === 0 ? words : ['/bin/sh', '-c', `${[...steps, 'exec "$@"'].join('; ')}`, 'hostpush', ...words]
}

/** The `stdio` option of spawn(), by descriptor. */
export function stdioOf({ descriptors }: Pick<Inherited, 'descriptors'>): ('inherit' | number | 'ignore')[] {
  const last = Math.max(2, ...descriptors)
  return Array.from({ length: last + 1 }, (_, fd) => {
    if (fd <= 2) return 'inherit'
    return descriptors.includes(fd) ? fd : 'ignore'
  })
}

/** Descriptors that Node opens as /dev/null so that the others keep their numbers. The shell closes them. */
function gapsBetween(descriptors: readonly number[]): number[] {
  return stdioOf({ descriptors }).flatMap((one, fd) => (one === 'ignore' ? [fd] : []))
}
