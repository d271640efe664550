import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Bench, Missing } from './bench.ts'
import buffer from './buffer.ts'
import collectors from './collectors.ts'
import cycle from './cycle.ts'
import exec from './exec.ts'
import floor from './floor.ts'
import { machine } from './machine.ts'
import memory from './memory.ts'
import peers from './peers.ts'
import { root } from './processes.ts'
import send from './send.ts'
import start from './start.ts'
import wire from './wire.ts'

const benches: readonly Bench[] = [peers, cycle, collectors, floor, start, exec, memory, buffer, wire, send]

const usage = `usage: npm run bench -- [--only=${benches.map(({ name }) => name).join(',')}] [--quick]

Prints what it measures. In full length it keeps it in bench/RESULTS.md, by section; --quick only tries it out.
`
const file = `${root}bench/RESULTS.md`

/** The sections of RESULTS.md by their bench's name, which stands in a comment at their head. */
function kept(): Map<string, string> {
  try {
    const [, ...sections] = readFileSync(file, 'utf8').split(/^<!-- (?=[\w-]+ -->\n)/m)
    return new Map(
      sections.map((section) => [section.slice(0, section.indexOf(' ')), section.slice(section.indexOf('\n') + 1)]),
    )
  } catch {
    return new Map() // the first time
  }
}

function keep(name: string, text: string): void {
  const sections = kept().set(name, `${text}\n`)
  const known = benches.flatMap(({ name }) =>
    sections.has(name) ? [`<!-- ${name} -->\n${sections.get(name)?.trimEnd()}\n\n`] : [],
  )
  const intro =
    '# What hostpush costs\n\n`npm run bench` writes this file: each section says on what and when it was measured.\n\n'
  writeFileSync(file, `${intro}${known.join('').trimEnd()}\n`)
}

async function measured({ name, title, run }: Bench, quick: boolean): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-bench-'))
  try {
    const found = await run({ quick, folder, say: (text) => process.stderr.write(`${name}: ${text}\n`) })
    return `## ${title}\n\n${found.trimEnd()}\n\nOn ${new Date().toISOString().slice(0, 10)}:\n\n${machine()}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const { values } = parseArgs({
  options: { only: { type: 'string' }, quick: { type: 'boolean' }, help: { type: 'boolean' } },
})
const only = values.only?.split(',') ?? benches.map(({ name }) => name)
const unknown = only.filter((name) => !benches.some((bench) => bench.name === name))
if (values.help || unknown.length > 0) {
  process.stderr.write(unknown.length > 0 ? `no bench is called ${unknown.join(', ')}\n${usage}` : usage)
  process.exit(unknown.length > 0 ? 2 : 0)
}
for (const bench of benches.filter(({ name }) => only.includes(name))) {
  try {
    const text = await measured(bench, values.quick === true)
    process.stdout.write(`${text}\n`)
    if (values.quick !== true) keep(bench.name, text)
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    process.stderr.write(`${bench.name}: skipped: ${error.message}\n`)
  }
}
process.exit(0)
