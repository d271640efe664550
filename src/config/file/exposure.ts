import { readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Keys of secrets. A value that is a variable of the environment is not in the file. */
const secretKey =
  /^(password|credentials|bearer_token|client_secret|client_certificate_key|secret_key|secrets|authorization)$/i
/** Headers that carry a key, by their usual names. */
const secretHeader = /^(cookie|.*(api-?key|token|secret|auth).*)$/i
/** Keys of paths: the file contains a secret. */
const secretPath =
  /^((password|credentials|bearer_token|client_secret|client_certificate_key|key|config)_file|token_file_path|certificate_key_path|files)$/

/** What a configuration file contains: secrets in the file itself, and paths of files with secrets. */
interface Found {
  hasSecret: boolean
  readonly files: Set<string>
}

/**
 * Warnings about files with secrets that every user of this host can read: the configuration file itself, and the files
 * that it names. Empty if the configuration file cannot be read, which is another error.
 */
export function exposedSecrets(path: string): readonly string[] {
  const found: Found = { hasSecret: false, files: new Set() }
  try {
    search(JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, '')), { key: '', inHeaders: false }, found)
  } catch {
    return []
  }
  const files = [...(found.hasSecret ? [path] : []), ...found.files]
  return files.flatMap((file) =>
    isReadableByAll(file) ? [`${file}: contains a secret, and every user can read it: chmod o-r ${file}`] : [],
  )
}

interface Position {
  readonly key: string
  readonly inHeaders: boolean
}

function search(value: unknown, position: Position, found: Found): void {
  const { key, inHeaders } = position
  if (typeof value === 'string') {
    if (secretPath.test(key)) found.files.add(value)
    else if (isSecret(value, position)) found.hasSecret = true
  } else if (Array.isArray(value)) for (const one of value) search(one, position, found)
  else if (typeof value === 'object' && value !== null)
    for (const [name, one] of Object.entries(value))
      search(one, { key: name, inHeaders: inHeaders || /headers?$/.test(key) || /headers?$/.test(name) }, found)
}

function isSecret(text: string, { key, inHeaders }: Position): boolean {
  if (text === '' || /^\$\{[A-Z_][A-Z0-9_]*\}$/.test(text)) return false
  const url = /^https?:/.test(text) ? URL.parse(text) : null
  return secretKey.test(key) || (inHeaders && secretHeader.test(key)) || (url?.password ?? '') !== ''
}

/** Every user can read the file, and search all directories on the way to it. */
function isReadableByAll(file: string): boolean {
  try {
    const real = realpathSync(file)
    return (
      (statSync(real).mode & 0o004) !== 0 && parentsOf(real).every((parent) => (statSync(parent).mode & 0o001) !== 0)
    )
  } catch {
    return false // it does not exist, or this user may not see it
  }
}

function parentsOf(path: string): readonly string[] {
  const parent = dirname(path)
  return parent === path ? [] : [parent, ...parentsOf(parent)]
}
