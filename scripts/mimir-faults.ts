/*
 * Runs hostpush against a real Mimir with the faults of scripts/mimir-faults/rows.ts and prints a Markdown table.
 *
 *   npm run mimir-faults -- [--only ROW,…] [--program PATH] [--against RECEIVER] [--output FILE] [--logs DIR]
 *
 * --program runs the bin/hostpush of another checkout, which must be built (npm run prepare). --against runs the rows that
 * apply to prometheus, prometheus3 or victoria-metrics. --logs keeps the output of every agent. The variants of a row
 * (remote-write 1.0 and 2.0, out-of-order window 0 and 10 m) run at the same time, each with its tenant. A row takes
 * about 40 s. Exits with 1 if a row cannot run, and with 2 if the command line is wrong.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../test/support/servers.ts'
import { type Kind, kinds } from './mimir-faults/receivers.ts'
import { type Line, report } from './mimir-faults/report.ts'
import { type Profile, type Row, rows } from './mimir-faults/rows.ts'
import { type Program, profileOf, runRow } from './mimir-faults/run.ts'

const { values: given } = parseArgs({
  options: {
    only: { type: 'string' },
    program: { type: 'string' },
    against: { type: 'string', default: 'mimir' },
    output: { type: 'string' },
    logs: { type: 'string' },
  },
})

function usageError(message: string): never {
  process.stderr.write(`mimir-faults: ${message}\n`)
  process.exit(2)
}

const kind =
  kinds.find((one) => one === given.against) ??
  usageError(`--against: ${given.against} is not one of ${kinds.join(', ')}`)

function chosenRows(receiver: Kind): readonly Row[] {
  const names = given.only?.split(',')
  const known = rows.filter(({ on }) => on.includes(receiver)).map(({ name }) => name)
  const unknown = names?.find((name) => !known.includes(name))
  if (unknown !== undefined) usageError(`--only: ${unknown} is not one of ${known.join(', ')}`)
  return rows.filter(({ name, on }) => on.includes(receiver) && names?.includes(name) !== false)
}

function programOf(path: string | undefined): Program {
  const command = path === undefined ? [process.execPath, join(root, 'src/cli.ts')] : [path]
  const [file = '', ...args] = command
  const text = execFileSync(file, [...args, '--version'], { encoding: 'utf8' })
  const [, version = '', built = ''] = /version (\S+) .*revision: (\w+)/.exec(text) ?? []
  const revision =
    path === undefined ? execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }) : built
  return { command, version: `hostpush ${version} (${revision.slice(0, 7)})` }
}

const program = programOf(given.program)
const { logs } = given
if (logs !== undefined) mkdirSync(logs, { recursive: true })
const chosen = chosenRows(kind)
const profile: Profile = await profileOf(program, kind)
const lines: Line[] = []
for (const row of chosen) {
  process.stderr.write(`${row.name}: ${row.title}\n`)
  try {
    for (const result of await runRow({ row, kind, program, profile })) {
      lines.push({ row, ...result })
      const name = [row.name, result.variant.version, result.variant.window, ...(result.isSecond ? ['second'] : [])]
      if (logs !== undefined) writeFileSync(join(logs, `${name.join('-')}.log`), result.log)
    }
  } catch (error) {
    process.stderr.write(`${row.name} failed: ${error instanceof Error ? error.stack : error}\n`)
    process.exitCode = 1
  }
  const text = report({ lines, profile, version: program.version })
  if (given.output !== undefined) writeFileSync(given.output, text)
}
if (given.output === undefined) process.stdout.write(report({ lines, profile, version: program.version }))
