import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** A Go program for tests: a reference implementation or a receiver. Its go.mod pins its dependencies. */
export interface GoProgram {
  readonly name: string
  /** The folder of go.mod. */
  readonly folder: string
  /** The package to build, from a module in go.mod; the default is the package in `folder`. */
  readonly target?: string
  readonly flags?: readonly string[]
}

/** The path of the built program, outside the repository. It contains a hash of the sources. */
export function programPath({ name, folder, flags = [] }: GoProgram): string {
  const hash = createHash('sha256').update(flags.join('\n'))
  for (const file of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, file)))
  const cache = process.env['HOSTPUSH_CACHE'] ?? join(homedir(), '.cache/hostpush')
  return join(cache, 'bin', `${name}-${hash.digest('hex').slice(0, 12)}`)
}

/** Builds the program if needed and returns its path. Throws an Error with the reason in one line. */
export function goProgram(source: GoProgram): string {
  const { name, folder, target = '.', flags = [] } = source
  const program = programPath(source)
  if (existsSync(program)) return program
  const temporary = `${program}.${process.pid}`
  mkdirSync(dirname(program), { recursive: true })
  try {
    execFileSync('go', ['build', '-trimpath', ...flags, '-o', temporary, target], {
      cwd: folder,
      env: { ...process.env, CGO_ENABLED: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string; stderr?: string }
    const reason = code === 'ENOENT' ? 'go is not installed' : failureIn(stderr)
    throw new Error(`${name} cannot be built: ${reason}`, { cause: error })
  }
  renameSync(temporary, program)
  return program
}

/** Builds the program if needed and prints its path. If that fails, it prints the reason and sets the exit status. */
export function printProgram(source: GoProgram): void {
  try {
    process.stdout.write(`${goProgram(source)}\n`)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}

/** The last line of the output of `go build`. If the download of a module failed, also the remedy. */
function failureIn(stderr: string): string {
  const last = stderr.trim().split('\n').at(-1) ?? ''
  const isOffline = /dial tcp|no such host|module lookup disabled|TLS handshake timeout|proxyconnect/.test(stderr)
  return isOffline ? `${last}; the first build downloads Go modules: check the network and GOPROXY` : last
}
