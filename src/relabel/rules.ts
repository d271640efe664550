import { messageOf } from '../util/log.ts'
import { type Label, LabelSet } from './label-set.ts'
import { matcherOf } from './matcher.ts'
import { filled, isName, type Names, problemsOf, type Rule } from './rule.ts'
import { type Step, steps } from './steps.ts'

/** The new labels of a series; undefined if it is dropped. `labels` must be sorted by name in byte order. */
export type Relabel = (labels: Iterable<Label>) => Iterable<Label> | undefined

/**
 * Compiles rules into one function, with the semantics of Prometheus. Reports each problem to `problem` with the index of
 * the rule. Asynchronous because it loads the RE2 engine if a rule has a regular expression.
 */
export async function compileRules(
  rules: readonly Rule[],
  names: Names,
  problem: (at: number, text: string) => void,
): Promise<Relabel> {
  const all: Step[] = []
  for (const [at, rule] of rules.entries()) {
    const step = await compile(rule, names, (text) => problem(at, text))
    if (step !== undefined) all.push(step)
  }
  return (labels) => {
    const set = new LabelSet(labels)
    return all.every((step) => step(set)) ? set.entries : undefined
  }
}

async function compile(configured: Rule, names: Names, problem: (text: string) => void): Promise<Step | undefined> {
  const problems = problemsOf(configured, names)
  const rule = filled(configured)
  for (const text of problems) problem(text)
  try {
    const matcher = await matcherOf(rule.regex)
    return problems.length > 0 ? undefined : steps[rule.action](rule, matcher, (name) => isName(name, names))
  } catch (error) {
    problem(`regex: ${JSON.stringify(rule.regex)} is not a regular expression in RE2 syntax (${messageOf(error)})`)
    return undefined
  }
}
