/** What a bench is given. */
export interface Context {
  /** Short durations and few rounds: to try a bench out, not to quote it. */
  readonly quick: boolean
  /** A folder that is removed at the end. */
  readonly folder: string
  /** Says on the terminal how far it is. */
  readonly say: (text: string) => void
}

/** A section of RESULTS.md. */
export interface Bench {
  readonly name: string
  readonly title: string
  /** Measures, and gives what it found as Markdown. Throws a Missing where the machine lacks a program for it. */
  readonly run: (context: Context) => Promise<string>
}

/** A program that is not installed: the bench is skipped by name. */
export class Missing extends Error {}
