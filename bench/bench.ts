/** The parameters of a run. */
export interface Context {
  /** Short durations and few rounds: for trying a bench, not for results. */
  readonly quick: boolean
  /** A temporary folder; the runner removes it. */
  readonly folder: string
  /** Prints progress to the terminal. */
  readonly say: (text: string) => void
}

/** A section of RESULTS.md. */
export interface Bench {
  readonly name: string
  readonly title: string
  /** Measures and returns the results as Markdown. Throws MissingProgram if a program is not installed. */
  readonly run: (context: Context) => Promise<string>
}

/** A program is not installed: the runner skips the bench and prints the reason. */
export class MissingProgram extends Error {}
