import type { FileReader, Path } from './files.ts'
import { decodeUtf8 } from './text.ts'

/** Observes each read of a file, which hardware may answer. Lists, links and states come from the kernel's memory. */
export interface ReadObserver {
  before?(path: string): void
  after(path: string, ms: number): void
}

/** Wraps `files`. The owner of `files` ends its intervals and closes it. `monotonicMs`: the clock. */
export function observedFiles(files: FileReader, observer: ReadObserver, monotonicMs: () => number): FileReader {
  const textOf = (path: Path) => (typeof path === 'string' ? path : decodeUtf8(path))
  return {
    read(path, limit) {
      observer.before?.(textOf(path))
      const startedMs = monotonicMs()
      try {
        return files.read(path, limit)
      } finally {
        observer.after(textOf(path), monotonicMs() - startedMs)
      }
    },
    readRegular: (path, maxBytes) => files.readRegular(path, maxBytes),
    list: (path, limit) => files.list(path, limit),
    status: (path) => files.status(path),
    link: (path) => files.link(path),
    real: (path) => files.real(path),
    endCycle() {},
    close() {},
  }
}
