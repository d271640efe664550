import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Bench, MissingProgram } from './bench.ts'
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

Prints the results. A full run also writes its section of bench/RESULTS.md; --quick is for trying a bench.
`
const file = `${root}bench/RESULTS.md`

/** The sections of RESULTS.md by bench name. A comment at the head of each section has the name. */
function readSections(): Map<string, string> {
  try {
    const [, ...sections] = readFileSync(file, 'utf8').split(/^<!-- (?=[\w-]+ -->\n)/m)
    return new Map(
      sections.map((section) => [section.slice(0, section.indexOf(' ')), section.slice(section.indexOf('\n') + 1)]),
    )
  } catch {
    return new Map() // the file does not exist yet
  }
}

function writeSection(name: string, text: string): void {
  const sections = readSections().set(name, `${text}\n`)
  const ordered = benches.flatMap(({ name }) =>
    sections.has(name) ? [`<!-- ${name} -->\n${sections.get(name)?.trimEnd()}\n\n`] : [],
  )
  const intro =
    '# What hostpush costs\n\n`npm run bench` writes this file. Each section has its machine and its date.\n\n'
  writeFileSync(file, `${intro}${ordered.join('').trimEnd()}\n`)
}

async function sectionOf({ name, title, run }: Bench, quick: boolean): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-bench-'))
  try {
    const results = await run({ quick, folder, say: (text) => process.stderr.write(`${name}: ${text}\n`) })
    return `## ${title}\n\n${results.trimEnd()}\n\nOn ${new Date().toISOString().slice(0, 10)}:\n\n${machine()}`
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
  process.stderr.write(unknown.length > 0 ? `unknown bench: ${unknown.join(', ')}\n${usage}` : usage)
  process.exit(unknown.length > 0 ? 2 : 0)
}
for (const bench of benches.filter(({ name }) => only.includes(name))) {
  try {
    const text = await sectionOf(bench, values.quick === true)
    process.stdout.write(`${text}\n`)
    if (values.quick !== true) writeSection(bench.name, text)
  } catch (error) {
    if (!(error instanceof MissingProgram)) throw error
    process.stderr.write(`${bench.name}: skipped: ${error.message}\n`)
  }
}
process.exit(0)
