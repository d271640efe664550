import {
  answers,
  type BufferRow,
  type DropRow,
  type EndpointRow,
  type RefusedRow,
  type Row,
} from '../buffer/control.ts'
import { exportFormats } from '../buffer/export.ts'
import { openDisk } from '../buffer/index.ts'
import { ask, type Request } from '../buffer/owner.ts'
import { runsIn, waitingIn } from '../buffer/runs.ts'
import { instantOf, systemClock, timeText } from '../clock.ts'
import { collectors } from '../collectors/index.ts'
import type { Command, Terminal } from '../command.ts'
import { type Config, readConfig } from '../config/index.ts'
import { durationMs } from '../config/units.ts'
import { counted } from '../counted.ts'
import { type Flag, type Given, UsageError } from '../flags.ts'
import { hintFor, withHint } from '../hints/hint.ts'
import { thisBoot } from '../host/open.ts'
import { logOf } from './log.ts'
import { confirmed } from './question.ts'

const flags: readonly Flag[] = [
  { name: 'config.file', kind: 'value', help: 'The configuration that names the directory.' },
  { name: 'directory', kind: 'value', help: 'The directory of the buffer, instead of the one that is configured.' },
  { name: 'endpoint', kind: 'value', help: 'export, drop: what waits for this endpoint alone.' },
  { name: 'refused', kind: 'switch', help: 'export: what receivers refused and was set aside, instead of what waits.' },
  { name: 'format', kind: 'value', fallback: 'text', help: `export: ${exportFormats.join(' or ')} (a line a sample).` },
  { name: 'before', kind: 'value', help: 'drop: what was collected before this time (RFC 3339, or an age as "6h").' },
  { name: 'yes', kind: 'switch', help: 'drop: do not ask.' },
]

export default {
  name: 'buffer',
  summary: 'Looks into the buffer, also while the agent runs: what waits for whom, and what was set aside and why.',
  usage: 'ls|export|drop [flags]',
  flags: () => flags,
  operands: 'taken',
  async run({ flags, operands: [verb, ...rest] }, terminal) {
    if (rest.length > 0) throw new UsageError(`unexpected ${rest[0]}`)
    const config = await configOf(flags, terminal)
    if (verb === 'ls') {
      show(await listing(config, terminal), terminal)
      return showLeft(config, terminal)
    }
    if (verb === 'export') return dump(config, flags, terminal)
    if (verb === 'drop') return drop(config, flags, terminal)
    throw new UsageError(verb === undefined ? 'ls, export or drop is expected' : `unknown: buffer ${verb}`)
  },
} satisfies Command

async function configOf(given: Given, terminal: Terminal): Promise<Config> {
  const wanted = new Map([...given].filter(([name]) => name === 'config.file'))
  const config = await readConfig({ flags: wanted, environment: terminal.environment, collectors })
  const directory = String(given.get('directory') ?? config.buffer.directory)
  return { ...config, log: { ...config.log, level: 'error' }, buffer: { ...config.buffer, directory } }
}

/** Asks the agent that runs; where none does, opens the files as their owner for that long. */
async function* answer(config: Config, terminal: Terminal, request: Request): AsyncGenerator<unknown> {
  const running = await ask(config.buffer.directory, request)
  if (running !== undefined) return yield* running
  const needs = { clock: systemClock, log: logOf(config, terminal), bootId: '' }
  const buffer = await openDisk(config.buffer, needs, false)
  try {
    yield* answers(buffer, false)(request)
  } finally {
    await buffer.close()
  }
}

const listing = (config: Config, terminal: Terminal) =>
  Array.fromAsync(answer(config, terminal, { command: 'ls' })) as Promise<Row[]> // both ends are of one version

function show(rows: readonly Row[], terminal: Terminal): void {
  const of = <K extends Row['kind']>(kind: K) =>
    rows.filter((row): row is Extract<Row, { kind: K }> => row.kind === kind)
  for (const row of of('buffer')) terminal.out(bufferText(row))
  for (const row of of('endpoint')) terminal.out(endpointText(row))
  for (const row of of('refused')) terminal.out(refusedText(row))
}

/** What batch commands have left; of those that are being delivered just now nothing is told. */
async function showLeft({ log, buffer }: Config, terminal: Terminal): Promise<number> {
  const needs = { clock: systemClock, log: logOf({ log }, terminal), bootId: thisBoot() }
  for (const [output, { commands, samples, sinceMs }] of await waitingIn(buffer, needs)) {
    const who = `${counted(commands, 'command')} left ${counted(samples, 'sample')}`
    terminal.out(`${output}: ${who}, from ${time(sinceMs)} on, in ${runsIn(buffer.directory)}\n`)
  }
  return 0
}

function bufferText({ directory, bytes, segments, damagedRecords, trouble }: BufferRow): string {
  const damaged = damagedRecords === 0 ? '' : `, ${damagedRecords} damaged places in corrupt/`
  const ill = trouble === undefined ? '' : `\n  the disk is not used: ${trouble}`
  return `${directory}: ${counted(bytes, 'byte')} in ${counted(segments, 'segment')}${damaged}${ill}\n`
}

function endpointText(row: EndpointRow): string {
  const { endpoint, snapshots, samples, bytes, isConfigured } = row
  const waiting =
    snapshots === 0
      ? 'nothing waits'
      : `${counted(snapshots, 'snapshot')}, ${counted(samples, 'sample')}, ${counted(bytes, 'byte')} wait, from ${time(row.oldestMs)} to ${time(row.newestMs)}`
  const lost = Object.entries(row.dropped).map(
    ([reason, count]) => `\n  not delivered: ${counted(count, 'sample')}, ${reason}`,
  )
  return `${endpoint}: ${waiting}${isConfigured === false ? ' (not configured any more)' : ''}${lost.join('')}\n`
}

function refusedText({ endpoint, samples, newestMs, reason }: RefusedRow): string {
  const hint = hintFor(reason, { part: 'remote-write', url: '' })
  return `${endpoint}: ${counted(samples, 'sample')} set aside, last ${time(newestMs)}: ${withHint(reason, hint)}\n`
}

const time = (ms: number | undefined) => (ms === undefined ? 'unknown' : timeText(ms))

async function dump(config: Config, given: Given, terminal: Terminal): Promise<number> {
  const format = String(given.get('format') ?? 'text')
  if (!exportFormats.some((one) => one === format))
    throw new UsageError(`--format: ${format} is none of ${exportFormats.join(', ')}`)
  const request = { command: 'export', format, endpoint: given.get('endpoint'), refused: given.get('refused') === true }
  for await (const text of answer(config, terminal, request)) terminal.out(String(text))
  return 0
}

async function drop(config: Config, given: Given, terminal: Terminal): Promise<number> {
  const before = given.get('before')
  const beforeMs = before === undefined ? undefined : instant(String(before))
  const endpoint = given.get('endpoint')
  const request = { command: 'drop', beforeMs, endpoint }
  const rows = (await Array.fromAsync(answer(config, terminal, { ...request, isDry: true }))) as DropRow[]
  for (const { endpoint: name, samples } of rows)
    terminal.out(`${name}: ${counted(samples, 'sample')} would never be delivered\n`)
  if (given.get('yes') !== true && !(await confirmed('Drop them, and what was set aside of that time?', terminal))) {
    terminal.err('hostpush: nothing is dropped; --yes does it without asking\n')
    return 1
  }
  await Array.fromAsync(answer(config, terminal, request))
  terminal.out('dropped\n')
  return 0
}

/** A point in time, or how long ago. */
function instant(text: string): number {
  const agoMs = durationMs(text)
  const ms = agoMs === undefined ? instantOf(text) : systemClock.now() - agoMs
  if (Number.isNaN(ms))
    throw new UsageError(`--before: ${text} is neither a time such as 2026-01-31T12:00:00Z nor an age`)
  return ms
}
