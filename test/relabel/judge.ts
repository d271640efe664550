import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Names } from '../../src/relabel/rule.ts'
import { goJudge } from '../support/servers.ts'

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

/** Where the judge is, built first if it is not there; without Go the test is skipped by name, and in CI it fails. */
export function judge(t: TestContext): ((questions: readonly Question[]) => readonly Answer[]) | undefined {
  const program = goJudge(t, { name: 'relabel-judge', folder: join(import.meta.dirname, 'judge') })
  if (program === undefined) return undefined
  return (questions) =>
    JSON.parse(execFileSync(program, { input: JSON.stringify(questions), encoding: 'utf8', maxBuffer: 2 ** 28 }))
}
