import { runningAgent } from '../../batch/index.ts'
import { type DropRow, exportFormats, type Format, type Request, type Row } from '../../buffer/index.ts'
import { collectors } from '../../collectors/index.ts'
import { type Config, durationMs, readConfig } from '../../config/index.ts'
import { addressesOf, componentOf, cursorNameOf, loadKinds } from '../../output.ts'
import { instantOf, systemClock } from '../../util/clock.ts'
import { type Flag, type ParsedFlags, UsageError } from '../../util/flags.ts'
import type { Command, Terminal } from '../command.ts'
import { confirmed } from '../confirm.ts'
import { nameOf } from '../destination.ts'
import { becomeOwner, keptBy } from '../owner.ts'
import { jsonOf } from './json.ts'
import { type AddressOf, dropText, type Listed, listing } from './listing.ts'
import { answerOf, type LogDirectory, logDirectories } from './open-logs.ts'

const verbs = ['ls', 'export', 'drop'] as const
type Verb = (typeof verbs)[number]

/** The flags. `verbs` lists those that accept a flag, if not all do. */
const flags: readonly (Flag & { readonly verbs?: readonly Verb[] })[] = [
  {
    name: 'config.file',
    kind: 'value',
    value: 'FILE',
    help: 'Configuration file (JSON): the buffer directory and the URLs of the endpoints.',
  },
  { name: 'directory', kind: 'value', value: 'DIR', help: 'Buffer directory. Default: that of the configuration.' },
  {
    name: 'endpoint',
    kind: 'value',
    value: 'URL',
    help: 'export, drop: only this endpoint, by URL or name. Default: all endpoints.',
    verbs: ['export', 'drop'],
  },
  {
    name: 'dead-letters',
    kind: 'switch',
    help: 'export, drop: rejected samples instead of undelivered samples.',
    verbs: ['export', 'drop'],
  },
  {
    name: 'format',
    kind: 'value',
    value: 'FORMAT',
    fallback: 'text',
    help: `ls, export: ${exportFormats.join(' or ')}. JSON is one object for ls, and one line for each sample for export.`,
    verbs: ['ls', 'export'],
  },
  {
    name: 'before',
    kind: 'value',
    value: 'TIME',
    help: 'drop: only samples collected before this time (RFC 3339, or an age such as 6h).',
    verbs: ['drop'],
  },
  { name: 'yes', kind: 'switch', help: 'drop: do not ask for confirmation.', verbs: ['drop'] },
]

export default {
  name: 'buffer',
  summary:
    'Lists, exports or drops undelivered samples (backlog) and rejected samples (dead letters). Works while the agent runs.',
  usage: 'ls|export|drop [flags]',
  examples: [
    [
      'List the backlog of each endpoint, and dead letters with the reason',
      'hostpush buffer ls --config.file=/etc/hostpush/config.json',
    ],
    [
      'Save undelivered samples in the text format',
      'hostpush buffer export --directory=/var/lib/hostpush > backlog.prom',
    ],
    [
      'Drop samples of one endpoint that are older than 6 h',
      'hostpush buffer drop --config.file=config.json --endpoint=http://prometheus:9090/api/v1/write --before=6h',
    ],
    ['Drop the dead letters', 'hostpush buffer drop --config.file=config.json --dead-letters --yes'],
  ],
  exitStatuses: [
    ['0', 'success'],
    ['1', 'the directory cannot be read, the endpoint is unknown, or a drop was not confirmed'],
    ['2', 'the command line is wrong'],
  ],
  flags: () => flags,
  operands: 'accepted',
  async run({ flags: given, operands: [word, ...rest] }, terminal) {
    if (rest.length > 0) throw new UsageError(`unexpected argument ${rest[0]}`)
    const verb = verbs.find((one) => one === word)
    if (verb === undefined)
      throw new UsageError(
        word === undefined
          ? 'expected ls, export or drop'
          : `unknown command buffer ${word}, expected ls, export or drop`,
      )
    const misplaced = flags.find(({ name, verbs: of }) => given.has(name) && of?.includes(verb) === false)
    if (misplaced !== undefined) throw new UsageError(`--${misplaced.name} cannot be used with buffer ${verb}`)
    const config = await configOf(given, terminal)
    const problem = await becomeOwner({ ...config.buffer, mode: 'disk' }, terminal, keptBy.buffer)
    if (problem !== undefined) throw new Error(problem)
    const logs = await logsOf(config, terminal)
    const run = { ls: list, export: exportTo, drop }[verb]
    const status = await run(logs, given, terminal)
    return logs.refused.size > 0 ? 1 : status
  },
} satisfies Command

async function configOf(given: ParsedFlags, terminal: Terminal): Promise<Config> {
  if (given.get('directory') === '') throw new UsageError('--directory: expected a path')
  const configFlags = new Map([...given].filter(([name]) => name === 'config.file'))
  const config = await readConfig({
    ...{ flags: configFlags, environment: terminal.environment, collectors },
    outputKinds: await loadKinds(terminal.outputKinds),
  })
  const directory = String(given.get('directory') ?? config.buffer.directory)
  return { ...config, log: { ...config.log, level: 'warn' }, buffer: { ...config.buffer, directory } }
}

/** All logs of the directory. `ask` sends a request to one of them. */
interface Logs {
  readonly directory: string
  readonly places: readonly LogDirectory[]
  readonly ask: (place: LogDirectory, request: Request) => AsyncIterable<unknown>
  /** Directories with another format version, which answer nothing. */
  readonly refused: ReadonlySet<string>
  /** The address of an endpoint, by its name in the buffer; undefined if its URL is unknown. */
  readonly address: AddressOf
  /** The URL alone. Several endpoints can have the same. */
  readonly url: AddressOf
}

async function logsOf(config: Config, terminal: Terminal): Promise<Logs> {
  const { directory } = config.buffer
  const refused = new Set<string>()
  const ask = (place: LogDirectory, request: Request) => answerOf(place, request, { config, terminal, refused })
  const places = await logDirectories(directory)
  return { directory, places, ask, refused, ...(await endpointAddresses(config)) }
}

/** URLs come from the configuration and the running agent; a command with a URL flag names its output after the URL. */
async function endpointAddresses({ buffer, outputs }: Config): Promise<Pick<Logs, 'address' | 'url'>> {
  const configured = addressesOf(outputs)
  const configuredUrls = new Map(outputs.map((one) => [cursorNameOf(one), one.kind.address(one.options)]))
  const agent = await runningAgent(buffer.directory)
  const urls = [...(agent?.urls ?? []), ...outputs.map(({ kind, options }) => kind.address(options))]
  const byName = new Map(urls.map((url) => [nameOf(url), url]))
  return {
    address: (endpoint) => configured.get(endpoint) ?? byName.get(endpoint),
    url: (endpoint) => configuredUrls.get(endpoint) ?? byName.get(endpoint),
  }
}

const rowsOf = ({ ask }: Logs, place: LogDirectory) =>
  Array.fromAsync(ask(place, { command: 'ls' })) as Promise<readonly Row[]> // the agent and this command have the same version

function formatOf(given: ParsedFlags): Format {
  const word = String(given.get('format') ?? 'text')
  const format = exportFormats.find((one) => one === word)
  if (format === undefined) throw new UsageError(`--format: ${word} is not one of ${exportFormats.join(', ')}`)
  return format
}

async function list(logs: Logs, given: ParsedFlags, terminal: Terminal): Promise<number> {
  const format = formatOf(given)
  const listed: Listed[] = []
  for (const place of logs.places) listed.push({ isRun: place.isRun, rows: await rowsOf(logs, place) })
  if (format === 'json') terminal.out(jsonOf(logs.directory, listed))
  else {
    const component = componentOf(await loadKinds(terminal.outputKinds))
    const names = { componentOf: component, addressOf: logs.address }
    for (const line of listing(logs.directory, listed, names)) terminal.out(line)
  }
  return 0
}

/** The logs that contain an endpoint, and its name in them; all logs if no endpoint is chosen. */
async function findEndpoint(
  logs: Logs,
  choice: string | undefined,
): Promise<{ readonly endpoint: string | undefined; readonly places: readonly LogDirectory[] }> {
  if (choice === undefined) return { endpoint: undefined, places: logs.places }
  const names = new Set<string>()
  const byPlace: (readonly [place: LogDirectory, names: readonly string[]])[] = []
  for (const place of logs.places) {
    const here = (await rowsOf(logs, place)).flatMap((row) => (row.kind === 'buffer' ? [] : [row.endpoint]))
    byPlace.push([place, here])
    for (const name of here) names.add(name)
  }
  const matches = names.has(choice) ? [choice] : [...names].filter((name) => logs.url(name) === choice)
  const [endpoint, ...others] = matches
  if (others.length > 0)
    throw new Error(
      `buffer: ${matches.length} endpoints have the URL ${choice}, choose one by name: ${matches.map((name) => `--endpoint=${name}`).join(' or ')}`,
    )
  if (endpoint !== undefined)
    return { endpoint, places: byPlace.flatMap(([place, here]) => (here.includes(endpoint) ? [place] : [])) }
  const all = [...names].map((name) => logs.address(name) ?? name)
  throw new Error(`buffer: unknown endpoint ${choice}, known endpoints: ${all.join(', ') || 'none'}`)
}

/** The samples that `export` and `drop` work on. All dead letters are in the log of the agent. */
async function chooseEndpoint(logs: Logs, given: ParsedFlags) {
  const { endpoint, places: all } = await findEndpoint(logs, given.get('endpoint') as string | undefined)
  const deadLetters = given.get('dead-letters') === true
  const places = all.filter(({ isRun }) => !(deadLetters && isRun))
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
  if (isEmpty) terminal.err(`hostpush: ${deadLetters ? 'there are no dead letters' : 'the backlog is empty'}\n`)
  return 0
}

async function drop(logs: Logs, given: ParsedFlags, terminal: Terminal): Promise<number> {
  const before = given.get('before') as string | undefined
  const beforeMs = before === undefined ? undefined : instant(before)
  const { endpoint, deadLetters, places } = await chooseEndpoint(logs, given)
  const request = { command: 'drop', beforeMs, endpoint, deadLetters }
  const rows: DropRow[] = []
  for (const place of places) {
    const here = (await Array.fromAsync(logs.ask(place, { ...request, isDry: true }))) as readonly DropRow[]
    rows.push(...(place.isRun ? here.map((row) => ({ ...row, rejected: 0 })) : here)) // dead letters of a run are in the log of the agent
  }
  const lines = [...dropText(rows, logs.address)]
  for (const line of lines) terminal.out(line)
  if (lines.length === 0) terminal.out('nothing to drop\n')
  else if (given.get('yes') !== true && !(await confirmed('Drop these samples?', terminal))) {
    terminal.err('hostpush: nothing was dropped; use --yes to drop without confirmation\n')
    return 1
  }
  for (const place of places) await Array.fromAsync(logs.ask(place, request))
  if (lines.length > 0) terminal.out('dropped\n')
  return 0
}

/** Milliseconds since the epoch, from a time or an age. */
function instant(text: string): number {
  const agoMs = durationMs(text)
  const ms = agoMs === undefined ? instantOf(text) : systemClock.now() - agoMs
  if (Number.isNaN(ms))
    throw new UsageError(`--before: ${text} is not a time such as 2026-01-31T12:00:00Z or an age such as 6h`)
  return ms
}
