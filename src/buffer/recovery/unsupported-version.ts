import { version } from '../segment/format.ts'

/** A buffer directory with a segment of another format version. Nothing in it was changed. */
export class UnsupportedVersion extends Error {
  readonly directory: string

  constructor(directory: string, found: number) {
    const remedy = 'deliver it with the version of hostpush that wrote it, or move the directory away'
    super(`buffer: ${directory} has format version ${found}, this hostpush supports version ${version}: ${remedy}`)
    this.directory = directory
  }
}
