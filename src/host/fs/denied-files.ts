import { codeOf, type FileReader, type Path } from './files.ts'
import { decodeUtf8 } from './text.ts'

/** The same files; `tell` gets each path that this user may not read. */
export function recordingDenied(files: FileReader, tell: (path: string) => void): FileReader {
  const told = <T>(path: Path, ask: () => T): T => {
    try {
      return ask()
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EACCES' || code === 'EPERM') tell(typeof path === 'string' ? path : decodeUtf8(path))
      throw error
    }
  }
  return {
    read: (path, limit) => told(path, () => files.read(path, limit)),
    list: (path) => told(path, () => files.list(path)),
    status: (path) => told(path, () => files.status(path)),
    link: (path) => told(path, () => files.link(path)),
    real: (path) => told(path, () => files.real(path)),
    endCycle: () => files.endCycle(),
    close: () => files.close(),
  }
}
