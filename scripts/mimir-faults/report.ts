import { table } from '../../bench/table.ts'
import { type Figures, intervalMs } from './host.ts'
import type { Variant } from './receivers.ts'
import type { Profile, Row } from './rows.ts'

export interface Line {
  readonly row: Row
  readonly variant: Variant
  readonly isSecond: boolean
  readonly figures: Figures
}

interface Report {
  readonly lines: readonly Line[]
  readonly profile: Profile
  /** The version of hostpush. */
  readonly version: string
}

const headings = [
  ...['fault', 'version', 'window', 'age, s: worst', 'end', 'series stored', 'lacking', 'lost', 'backlog'],
  ...['dead letters', 'of them stored', 'refused', 'requests'],
]

const meanings = `- **second**: the agent that started second in a row with two agents. All agents of a row have the same labels, so the receiver
  may have another value at the same time; such a sample counts as lacking and lost. A sample with the same value and
  time in both agents counts as stored, whichever of them sent it.
- **age**: of the newest sample at the receiver. Worst: while delivery should be up to date, after the recovery where the row
  has an outage. One interval is ${intervalMs / 1000} s.
- **series stored**: series with a sample at the receiver, of the collected ones.
- **lacking**: samples that the receiver lacks, after the first stored sample of their series.
- **lost**: samples that are neither at the receiver, nor a dead letter, nor in the backlog. Prometheus 3 reports to 2.0 only
  how many samples it refuses, so these are no dead letters. The receiver refused the lost samples and the dead letters that it
  does not have: lost must be 0.
- **backlog**: snapshots at the end.
- **dead letters**: samples. **Of them stored**: those that the receiver has, which must be 0.
- **refused**: \`cortex_discarded_samples_total\` without 429: a sample counts once for each request.
- **requests**: number by HTTP status; 0: no answer.`

export function report({ lines, profile, version }: Report): string {
  const cells = lines.map(({ row, variant, isSecond, figures }) => [
    isSecond ? `${row.name}, second` : row.name,
    variant.version,
    variant.window,
    ...cellsOf(figures),
  ])
  const titles = [...new Set(lines.map(({ row }) => row))].map(({ name, title }) => `- \`${name}\`: ${title}`)
  return `# hostpush against ${profile.receiver} with faults

${version}, ${profile.series} series, interval ${intervalMs / 1000} s, loopback, by \`npm run mimir-faults\`. Mimir's Retry-After is 1 to 2 s and
\`max_backoff\` is 5 s, so that the rows are short.

${table(headings, cells)}
${titles.join('\n')}

${meanings}
`
}

function cellsOf(figures: Figures): readonly string[] {
  const { worstAgeMs, endAgeMs, storedSeries, collectedSeries, lacking, lost, backlogSnapshots } = figures
  const { deadLetters, falseDeadLetters, refused, answers } = figures
  return [
    ...[secondsText(worstAgeMs), secondsText(endAgeMs), `${storedSeries} of ${collectedSeries}`],
    ...[lacking, lost, backlogSnapshots, deadLetters, falseDeadLetters].map(String),
    refused === undefined ? 'not counted' : countsText(refused) || '0',
    countsText(answers),
  ]
}

const secondsText = (ms: number) => (Number.isFinite(ms) ? (ms / 1000).toFixed(1) : 'nothing')

const countsText = (counts: ReadonlyMap<string | number, number>) =>
  [...counts]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([what, count]) => `${what}: ${count}`)
    .join(', ')
