import { type DropRow, exportFormats, type Format, type Request, type Row } from '../../buffer/index.ts'

import { collectors } from '../../collectors/index.ts'
import { type Config, durationMs, readConfig } from '../../config/index.ts'

import { componentOf, loadKinds } from '../../output.ts'
import { instantOf, systemClock } from '../../util/clock.ts'
import { type Flag, type ParsedFlags, UsageError } from '../../util/flags.ts'
import type { Command, Terminal } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { jsonOf } from './json.ts'
import { dropText, type Listed, listing } from './listing.ts'
import { answerOf, type LogDirectory, logDirectories } from './open-logs.ts'

const verbs = ['ls', 'export', 'drop'] as const
type Verb = (typeof verbs)[number]

/** Flags and the verbs that have them, where that is not each. */
const flags: readonly (Flag & { readonly verbs?: readonly Verb[] })[] = [
  { name: 'config.file', kind: 'value', help: 'The configuration that names the directory.' },
  { name: 'directory', kind: 'value', help: 'The directory of the buffer, instead of the one that is configured.' },
  {
    name: 'endpoint',
    kind: 'value',
    help: 'export, drop: of this endpoint alone; without it, of all.',
    verbs: ['export', 'drop'],
  },
  {
    name: 'dead-letters',
    kind: 'switch',
    help: 'export, drop: what receivers refused and was set aside, instead of what waits.',
    verbs: ['export', 'drop'],
  },
  {
    name: 'format',
    kind: 'value',
    fallback: 'text',
    help: `ls, export: ${exportFormats.join(' or ')} (ls: one object, export: a line a sample).`,
    verbs: ['ls', 'export'],
  },
  {
    name: 'before',
    kind: 'value',
    help: 'drop: what was collected before this time (RFC 3339, or an age as "6h").',
    verbs: ['drop'],
  },
  { name: 'yes', kind: 'switch', help: 'drop: do not ask.', verbs: ['drop'] },
]

export default {
  name: 'buffer',
  summary: 'Looks into the buffer, also while the agent runs: what waits for whom, and what was set aside and why.',
  usage: 'ls|export|drop [flags]',
  flags: () => flags,
  operands: 'taken',
  async run({ flags: given, operands: [word, ...rest] }, terminal) {
    if (rest.length > 0) throw new UsageError(`unexpected ${rest[0]}`)
    const verb = verbs.find((one) => one === word)
    if (verb === undefined)
      throw new UsageError(word === undefined ? 'ls, export or drop is expected' : `unknown: buffer ${word}`)
    const misplaced = flags.find(({ name, verbs: of }) => given.has(name) && of?.includes(verb) === false)
    if (misplaced !== undefined) throw new UsageError(`--${misplaced.name} is of no use to buffer ${verb}`)
    const config = await configOf(given, terminal)
    const logs = await logsOf(config, terminal)
    if (verb === 'ls') return list(logs, given, terminal)
    return verb === 'export' ? exportTo(logs, given, terminal) : drop(logs, given, terminal)
  },
} satisfies Command

async function configOf(given: ParsedFlags, terminal: Terminal): Promise<Config> {
  if (given.get('directory') === '') throw new UsageError('--directory: a path is expected')
  const wanted = new Map([...given].filter(([name]) => name === 'config.file'))
  const config = await readConfig({
    ...{ flags: wanted, environment: terminal.environment, collectors },
    outputKinds: await loadKinds(terminal.outputKinds),
  })
  const directory = String(given.get('directory') ?? config.buffer.directory)
  return { ...config, log: { ...config.log, level: 'warn' }, buffer: { ...config.buffer, directory } }
}

/** All logs of the directory, to be asked one after another. */
interface Logs {
  readonly directory: string
  readonly places: readonly LogDirectory[]
  readonly ask: (place: LogDirectory, request: Request) => AsyncIterable<unknown>
}

async function logsOf(config: Config, terminal: Terminal): Promise<Logs> {
  const { directory } = config.buffer
  const ask = (place: LogDirectory, request: Request) => answerOf(place, request, { config, terminal })
  return { directory, places: await logDirectories(directory), ask }
}

const rowsOf = ({ ask }: Logs, place: LogDirectory) =>
  Array.fromAsync(ask(place, { command: 'ls' })) as Promise<readonly Row[]> // both ends are of one version

function formatOf(given: ParsedFlags): Format {
  const word = String(given.get('format') ?? 'text')
  const format = exportFormats.find((one) => one === word)
  if (format === undefined) throw new UsageError(`--format: ${word} is none of ${exportFormats.join(', ')}`)
  return format
}

async function list(logs: Logs, given: ParsedFlags, terminal: Terminal): Promise<number> {
  const format = formatOf(given)
  const listed: Listed[] = []
  for (const place of logs.places) listed.push({ isRun: place.isRun, rows: await rowsOf(logs, place) })
  if (format === 'json') terminal.out(jsonOf(logs.directory, listed))
  else {
    const component = componentOf(await loadKinds(terminal.outputKinds))
    for (const line of listing(logs.directory, listed, component)) terminal.out(line)
  }
  return 0
}

/** The logs that know an endpoint; all where none is named. */
async function withConfigured(logs: Logs, endpoint: string | undefined): Promise<readonly LogDirectory[]> {
  if (endpoint === undefined) return logs.places
  const names = new Set<string>()
  const found: LogDirectory[] = []
  for (const place of logs.places) {
    const here = (await rowsOf(logs, place)).flatMap((row) => (row.kind === 'buffer' ? [] : [row.endpoint]))
    if (here.includes(endpoint)) found.push(place)
    for (const name of here) names.add(name)
  }
  if (found.length > 0) return found
  throw new Error(`buffer: unknown endpoint ${endpoint}, known endpoints: ${[...names].join(', ') || 'none'}`)
}

/** Whose, and whether it is what was set aside that is meant: that is in one place for all. */
async function chooseEndpoint(logs: Logs, given: ParsedFlags) {
  const endpoint = given.get('endpoint') as string | undefined
  const deadLetters = given.get('dead-letters') === true
  const places = (await withConfigured(logs, endpoint)).filter(({ isRun }) => !(deadLetters && isRun))
  return { endpoint, deadLetters, places }
}

async function exportTo(logs: Logs, given: ParsedFlags, terminal: Terminal): Promise<number> {
  const format = formatOf(given)
  const { endpoint, deadLetters, places } = await chooseEndpoint(logs, given)
  let isEmpty = true
  for (const place of places)
    for await (const text of logs.ask(place, { command: 'export', format, endpoint, deadLetters })) {
      terminal.out(String(text))
      isEmpty = false
    }
  if (isEmpty) terminal.err(`hostpush: ${deadLetters ? 'there are no dead letters' : 'nothing waits'}\n`)
  return 0
}

async function drop(logs: Logs, given: ParsedFlags, terminal: Terminal): Promise<number> {
  const before = given.get('before') as string | undefined
  const beforeMs = before === undefined ? undefined : instant(before)
  const { endpoint, deadLetters, places: all } = await chooseEndpoint(logs, given)
  const places = await readable(all, logs, terminal)
  const request = { command: 'drop', beforeMs, endpoint, deadLetters }
  const rows: DropRow[] = []
  for (const place of places) {
    const here = (await Array.fromAsync(logs.ask(place, { ...request, isDry: true }))) as readonly DropRow[]
    rows.push(...(place.isRun ? here.map((row) => ({ ...row, rejected: 0 })) : here)) // a run sets aside with the agent
  }
  const lines = [...dropText(rows)]
  for (const line of lines) terminal.out(line)
  if (lines.length === 0) terminal.out('there is nothing to drop\n')
  else if (given.get('yes') !== true && !(await confirmed('Drop them?', terminal))) {
    terminal.err('hostpush: nothing is dropped; --yes does it without asking\n')
    return 1
  }
  for (const place of places) await Array.fromAsync(logs.ask(place, request))
  if (lines.length > 0) terminal.out('dropped\n')
  return 0
}

/** Without the logs that a newer version wrote: how much of them waits for whom is not known here. */
async function readable(
  places: readonly LogDirectory[],
  logs: Logs,
  terminal: Terminal,
): Promise<readonly LogDirectory[]> {
  const found: LogDirectory[] = []
  for (const place of places) {
    const isNewer = (await rowsOf(logs, place)).some((row) => row.kind === 'buffer' && row.unreadable > 0)
    if (!isNewer) found.push(place)
    else
      terminal.err(`hostpush: ${place.directory} is left alone: a newer version wrote it, whose buffer drop takes it\n`)
  }
  return found
}

/** A point in time, or how long ago. */
function instant(text: string): number {
  const agoMs = durationMs(text)
  const ms = agoMs === undefined ? instantOf(text) : systemClock.now() - agoMs
  if (Number.isNaN(ms))
    throw new UsageError(`--before: ${text} is neither a time such as 2026-01-31T12:00:00Z nor an age`)
  return ms
}
