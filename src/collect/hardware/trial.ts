import { HelperProcess } from '../../host/index.ts'

/**
 * Reads the files of each pattern once and prints the name of the collector when all have answered: `NAME=PATTERN...`.
 * The shell reads them itself: starting a program for each file would cost more than the rest of a short command.
 */
const script = `cd -- "$1" || exit
shift
for one; do
  for file in \${one#*=}; do read -r line <"$file"; done 2>/dev/null
  echo "\${one%%=*}"
done`

/** A collector and the patterns of its files below sysfs. */
export interface Tried {
  readonly name: string
  readonly patterns: readonly string[]
}

/**
 * Reads the files of collectors in a shell, which may hang. For a short command: the start of a helper process would cost
 * it more than all of its collectors.
 */
export class Trial {
  readonly #child: HelperProcess
  readonly #proved = new Set<string>()
  readonly #ended = Promise.withResolvers<void>()

  constructor(sysfs: string, collectors: readonly Tried[]) {
    const words = collectors.map(({ name, patterns }) => `${name}=${patterns.join(' ')}`)
    this.#child = new HelperProcess(
      { words: ['/bin/sh', '-c', script, 'sh', sysfs, ...words], environment: {} },
      {
        line: (name) => {
          this.#proved.add(name)
          if (this.#proved.size === collectors.length) this.#ended.resolve()
        },
        gone: () => this.#ended.resolve(),
      },
    )
  }

  /** Resolves when all files have answered, or the shell has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Ends the shell. Returns the names of the collectors whose files have all answered. */
  end(): ReadonlySet<string> {
    this.#child.kill()
    return this.#proved
  }
}
