import type { RegularFile } from '../../util/regular-file.ts'

/** What a listing of text files may contain. */
export interface ListLimits {
  /** Entries of one directory. */
  readonly entries: number
  readonly files: number
  readonly fileBytes: number
  /** All files together. */
  readonly bytes: number
}

/** `unless`: the stamp of the content that the parent has. */
export type FileRequest = { readonly id: number } & FileQuestion

export type FileQuestion =
  | { readonly kind: 'read'; readonly path: string; readonly maxBytes: number; readonly unless: string }
  | { readonly kind: 'list'; readonly pattern: string; readonly suffix: string; readonly limits: ListLimits }

export type ReadAnswer = (RegularFile & { readonly stamp: string }) | 'unchanged'

/** A file that was read, or why it could not be read. */
export type FoundFile = { readonly path: string } & (RegularFile | { readonly error: string })

/** The files that a pattern matches, and the directories that cannot be read. */
export interface ListedFiles {
  readonly files: readonly FoundFile[]
  readonly faults: readonly string[]
}

export type FileAnswer = { readonly id: number } & (
  | { readonly value: ReadAnswer | ListedFiles }
  | { readonly error: { readonly message: string; readonly code: string } }
)
