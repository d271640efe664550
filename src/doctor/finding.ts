import type { Finding } from '../output.ts'
import { plural } from '../util/plural.ts'

export type { Finding }

export const ok = (thing: string, text: string): Finding => ({ level: 'ok', thing, text })
export const warn = (thing: string, text: string, remedy?: string): Finding => ({ level: 'warn', thing, text, remedy })
export const fail = (thing: string, text: string, remedy?: string): Finding => ({ level: 'fail', thing, text, remedy })

/** The findings of one output, under its name. */
export const of = (name: string, findings: readonly Finding[]): readonly Finding[] =>
  findings.map((one) => ({ ...one, thing: `${name} ${one.thing}` }))

/** One line each: how it is, what, and what to do. */
export function reportOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ thing }) => thing.length))
  const lines = findings.map(({ level, thing, text, remedy }) => {
    const to = remedy === undefined ? '' : `\n${' '.repeat(width + 8)}do: ${remedy}`
    return `${level.padEnd(4)}  ${thing.padEnd(width)}  ${text}${to}\n`
  })
  const count = (level: Finding['level']) => findings.filter((one) => one.level === level).length
  return `${lines.join('')}${plural(count('fail'), 'failure')}, ${plural(count('warn'), 'warning')}, ${count('ok')} well\n`
}
