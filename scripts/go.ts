import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** A program in Go that judges ours or takes what ours sends; its go.mod pins what it is made of. */
export interface GoProgram {
  readonly name: string
  /** Where its go.mod is. */
  readonly folder: string
  /** A package that go.mod names; what is in the folder where it is missing. */
  readonly target?: string
  readonly flags?: readonly string[]
}

/** Where it is, or will be: outside the repository. Sources that change make another program. */
export function placeOf({ name, folder, flags = [] }: GoProgram): string {
  const hash = createHash('sha256').update(flags.join('\n'))
  for (const file of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, file)))
  const cache = process.env['HOSTPUSH_CACHE'] ?? join(homedir(), '.cache/hostpush')
  return join(cache, 'bin', `${name}-${hash.digest('hex').slice(0, 12)}`)
}

/** Its path; built first if it is not there. Throws an Error that says in one line why it cannot be built. */
export function goProgram(wanted: GoProgram): string {
  const { name, folder, target = '.', flags = [] } = wanted
  const program = placeOf(wanted)
  if (existsSync(program)) return program
  const making = `${program}.${process.pid}`
  mkdirSync(dirname(program), { recursive: true })
  try {
    execFileSync('go', ['build', '-trimpath', ...flags, '-o', making, target], {
      cwd: folder,
      env: { ...process.env, CGO_ENABLED: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string; stderr?: string }
    const reason = code === 'ENOENT' ? 'go is not installed' : stderr.trim().split('\n').at(-1)
    throw new Error(`${name} cannot be built: ${reason}`, { cause: error })
  }
  renameSync(making, program)
  return program
}
