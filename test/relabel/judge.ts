import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Names } from '../../src/relabel/rule.ts'
import { goJudge } from '../support/servers.ts'

/** Valid or invalid rules as in a configuration file, and input series. */
export interface Question {
  readonly names: Names
  readonly rules: readonly Readonly<Record<string, unknown>>[]
  readonly series: readonly Readonly<Record<string, string>>[]
}

/** The result of Prometheus: the error of invalid rules, or the labels of each series (null if dropped). */
export interface Answer {
  readonly refused?: string
  readonly series: readonly (Readonly<Record<string, string>> | null)[]
}

/** Path of the reference program, built on demand. Without Go the test is skipped; in CI it fails. */
export function judge(t: TestContext): ((questions: readonly Question[]) => readonly Answer[]) | undefined {
  const program = goJudge(t, { name: 'relabel-judge', folder: join(import.meta.dirname, 'judge') })
  if (program === undefined) return undefined
  return (questions) =>
    JSON.parse(execFileSync(program, { input: JSON.stringify(questions), encoding: 'utf8', maxBuffer: 2 ** 28 }))
}
