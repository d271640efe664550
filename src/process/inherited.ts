/** What a process is started with that Node changes before it runs a line of ours. The launcher has seen it. */
export interface Inherited {
  /** The soft limit of open files, where Node has raised it. */
  readonly openFiles?: string
  /** Numbers of the signals that are ignored: by nohup(1), or by a shell for what it runs in the background. */
  readonly ignored: readonly number[]
  /** Open descriptors from 3 to 9, which Node would close: those that a shell can name. */
  readonly descriptors: readonly number[]
  /** Variables that the launcher has set for us alone. */
  readonly ours: readonly string[]
}

/** The variable in which the launcher tells it: `files=1024 ignored=0000000000000001 fds=3,7 ours=A,B`. */
export const inheritedVariable = 'HOSTPUSH_INHERITED'

/** Without the launcher nothing is known, and a command gets what Node leaves of it. */
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

/** The environment of the command: ours, without what is not for it. */
export const environmentOf = (environment: NodeJS.ProcessEnv, { ours }: Inherited): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => name !== inheritedVariable && !ours.includes(name)))

/** The words of a command that puts things back as they were and becomes the one that was asked for. */
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

/** What the command has as its descriptors, by number. */
export function stdioOf({ descriptors }: Pick<Inherited, 'descriptors'>): ('inherit' | number | 'ignore')[] {
  const last = Math.max(2, ...descriptors)
  return Array.from({ length: last + 1 }, (_, fd) => {
    if (fd <= 2) return 'inherit'
    return descriptors.includes(fd) ? fd : 'ignore'
  })
}

/** Descriptors that Node fills with /dev/null to keep the others in their places. */
function gapsBetween(descriptors: readonly number[]): number[] {
  return stdioOf({ descriptors }).flatMap((one, fd) => (one === 'ignore' ? [fd] : []))
}
