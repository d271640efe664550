import type { ConfiguredFiles } from '../host/index.ts'

/** Place of a block in the configuration, and the lists for its problems. */
export interface BlockContext {
  readonly place: string
  readonly files: ConfiguredFiles
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly problems: string[]
  /** Values that are valid but probably a mistake, each with its place. */
  readonly warnings: string[]
}
