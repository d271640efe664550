import type { Finding as OutputFinding } from '../output.ts'
import { plural } from '../util/plural.ts'

/** A finding of `doctor`. */
export interface Finding extends OutputFinding {
  /** The URL of the endpoint, with the name if several have the same URL. `thing` then begins with the name. */
  readonly endpoint?: string
}

export const ok = (thing: string, text: string): Finding => ({ level: 'ok', thing, text })
export const warn = (thing: string, text: string, remedy?: string): Finding => ({ level: 'warn', thing, text, remedy })
export const fail = (thing: string, text: string, remedy?: string): Finding => ({ level: 'fail', thing, text, remedy })

/** An output as `doctor` shows it. */
export interface OutputAddress {
  readonly name: string
  readonly address: string
}

/** The findings of one output, under its name. */
export const of = ({ name, address }: OutputAddress, findings: readonly Finding[]): readonly Finding[] =>
  findings.map((one) => ({ ...one, thing: `${name} ${one.thing}`, endpoint: address }))

/** One line for each finding with its remedy below it: first those of this host, then those of each endpoint. */
export function reportOf(findings: readonly Finding[]): string {
  const groups = [...Map.groupBy(findings, ({ endpoint }) => endpoint)]
  const host = groups.filter(([endpoint]) => endpoint === undefined)
  const endpoints = groups.filter(([endpoint]) => endpoint !== undefined)
  const width = Math.max(...findings.map((one) => checkOf(one).length))
  const text = [...host, ...endpoints].map(([endpoint, some]) => {
    const lines = some.map((one) => lineOf(one, width)).join('')
    return endpoint === undefined ? lines : `\n${endpoint}\n${lines}`
  })
  const count = (level: Finding['level']) => findings.filter((one) => one.level === level).length
  const sum = `${plural(count('fail'), 'failure')}, ${plural(count('warn'), 'warning')}, ${plural(count('ok'), 'check')} passed`
  return `${text.join('')}\n${sum}\n${endpoints.map(([endpoint, some]) => verdictOf(String(endpoint), some)).join('')}`
}

/** The name of a check. For an endpoint the heading has the name. */
const checkOf = ({ thing, endpoint }: Finding): string =>
  endpoint === undefined ? thing : thing.slice(thing.indexOf(' ') + 1)

function lineOf(finding: Finding, width: number): string {
  const { level, text, remedy } = finding
  const to = remedy === undefined ? '' : `\n${' '.repeat(width + 8)}do: ${remedy}`
  return `${level.padEnd(4)}  ${checkOf(finding).padEnd(width)}  ${text}${to}\n`
}

function verdictOf(endpoint: string, findings: readonly Finding[]): string {
  const failed = findings.filter(({ level }) => level === 'fail').map(checkOf)
  return failed.length === 0 ? `${endpoint}: ready\n` : `${endpoint}: FAILED (${failed.join(', ')})\n`
}
