import { startQuiet } from '../../host/index.ts'

/**
 * Reads the files of each pattern once. The shell reads them itself: starting a program for each file would cost more than
 * the rest of a short command.
 */
const script = `cd -- "$1" || exit
shift
for file in $*; do read -r line <"$file"; done
exit 0`

export interface Trial {
  /** Resolves when the shell has ended: to true if all files have answered. */
  readonly ended: Promise<boolean>
  /** Ends the shell, if it hangs when its system call returns. */
  end(): void
}

/**
 * Reads files below sysfs in a shell, which may hang. For a short command: the start of a helper process would cost it more
 * than all of its collectors. The exit status is the only answer: a pipe would double the cost.
 */
export function startTrial(sysfs: string, patterns: readonly string[]): Trial {
  const { promise: ended, resolve } = Promise.withResolvers<boolean>()
  const end = startQuiet({ words: ['/bin/sh', '-c', script, 'sh', sysfs, ...patterns], environment: {} }, (status) =>
    resolve(status === 0),
  )
  return { ended, end }
}
