/** Where a block stands, and what else is known when it is read. */
export interface BlockContext {
  readonly place: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly problems: string[]
  /** What can be done as it was said, and is most likely not what was meant; each with its place. */
  readonly warnings: string[]
}
