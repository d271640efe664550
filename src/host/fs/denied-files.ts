import { codeOf, type FileReader, type Path } from './files.ts'
import { decodeUtf8 } from './text.ts'

/** Wraps `files`; `onDenied` gets each path that this user is not permitted to read. */
export function recordingDenied(files: FileReader, onDenied: (path: string) => void): FileReader {
  const recorded = <T>(path: Path, read: () => T): T => {
    try {
      return read()
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EACCES' || code === 'EPERM') onDenied(typeof path === 'string' ? path : decodeUtf8(path))
      throw error
    }
  }
  return {
    read: (path, limit) => recorded(path, () => files.read(path, limit)),
    readRegular: (path, maxBytes) => recorded(path, () => files.readRegular(path, maxBytes)),
    list: (path, limit) => recorded(path, () => files.list(path, limit)),
    status: (path) => recorded(path, () => files.status(path)),
    link: (path) => recorded(path, () => files.link(path)),
    real: (path) => recorded(path, () => files.real(path)),
    endCycle: () => files.endCycle(),
    close: () => files.close(),
  }
}
