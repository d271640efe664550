import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Names } from '../../src/relabel/rule.ts'

/** Rules as they stand in a configuration file, right or wrong, and series to try them on. */
export interface Question {
  readonly names: Names
  readonly rules: readonly Readonly<Record<string, unknown>>[]
  readonly series: readonly Readonly<Record<string, string>>[]
}

/** What Prometheus says: why the rules are none, or what becomes of each series (null where it is dropped). */
export interface Answer {
  readonly refused?: string
  readonly series: readonly (Readonly<Record<string, string>> | null)[]
}

const source = join(import.meta.dirname, 'judge')

/** Where the judge is, built first if it is not there; without Go the test is skipped by name, and in CI it fails. */
export function judge(t: TestContext): ((questions: readonly Question[]) => readonly Answer[]) | undefined {
  const program = built(t)
  if (program === undefined) return undefined
  return (questions) =>
    JSON.parse(execFileSync(program, { input: JSON.stringify(questions), encoding: 'utf8', maxBuffer: 2 ** 28 }))
}

function built(t: TestContext): string | undefined {
  const hash = createHash('sha256')
  for (const file of ['main.go', 'go.sum']) hash.update(readFileSync(join(source, file)))
  const cache = process.env['HOSTPUSH_CACHE'] ?? join(homedir(), '.cache/hostpush')
  const program = join(cache, 'bin', `relabel-judge-${hash.digest('hex').slice(0, 12)}`)
  if (existsSync(program)) return program
  const making = `${program}.${process.pid}`
  try {
    execFileSync('go', ['build', '-o', making, '.'], {
      cwd: source,
      env: { ...process.env, CGO_ENABLED: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
  } catch (error) {
    if (process.env['CI'] === 'true') throw error
    const { code, stderr = '' } = error as { code?: string; stderr?: string }
    t.skip(code === 'ENOENT' ? 'go is not installed' : `the judge cannot be built: ${stderr.trim().split('\n').at(-1)}`)
    return undefined
  }
  renameSync(making, program)
  return program
}
