/*
 * Compares `hostpush collect` with the real node_exporter, on the tree of node_exporter's end-to-end test and on this
 * host: types, series, values, and series that only one of the two has.
 *
 *   npm run parity -- [--fixtures] [--live [--all] [--user NAME]] [--only COLLECTOR,…]
 *
 * --all enables every collector, --only the named ones, --user runs both programs as another user. Collectors that
 * node_exporter does not have are named and not compared. Prints one line for each collector and a total. Exits with 1
 * for a difference that docs/differences.md does not list, and for a collector of --only without a metric to compare. A
 * comparison without its node_exporter or its tree is skipped; with CI=true a missing node_exporter is a failure.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { collectors as allCollectors } from '../src/collectors/index.ts'
import { type Difference, type Exposition, expositionOf } from './compare.ts'
import { asUser, type ComparisonSetup, comparePrograms, momentary, moving, nothing } from './compare-programs.ts'
import {
  NotStarted,
  peerCollectors,
  peerProgram,
  peerVersion,
  type RunningPeer,
  startPeer,
  Unavailable,
} from './peer.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const fixtures = join(root, '../shared/fixtures', `node-exporter-${peerVersion}`)

/** Families that node_exporter's end-to-end test ignores because they depend on the host and the time. */
const endToEndSkip =
  /^(go_|node_exporter_build_info|node_scrape_collector_duration_seconds|process_|node_textfile_mtime_seconds|node_time_(zone|seconds)|node_network_(receive|transmit)_(bytes|packets)_total)/

interface CollectorResult {
  readonly families: Set<string>
  series: number
  readonly listed: Difference[]
  readonly unlisted: Difference[]
}

const maxShown = 10

/**
 * Unpacks the tree of node_exporter's end-to-end test. Some labels contain its path, so both programs run inside it.
 */
function fixtureTree(into: string): ComparisonSetup {
  const [archive, flags] = [`${fixtures}.tar.gz`, `${fixtures}.flags`]
  for (const file of [archive, flags]) if (!existsSync(file)) throw new Unavailable(`${file} does not exist`, 'skips')
  execFileSync('tar', ['-xzf', archive, '-C', into])
  return {
    name: 'fixtures',
    flags: readFileSync(flags, 'utf8').match(/^--.*$/gm) ?? [],
    cwd: into,
    ignored: endToEndSkip,
    moving: nothing,
  }
}

const ownNames = allCollectors.map(({ name }) => name)

const flagOf = (name: string) => `--collector.${name}`

const liveHost = (flags: readonly string[]): ComparisonSetup => ({
  name: 'live',
  flags,
  cwd: '/',
  ignored: momentary,
  moving,
})

/** What to compare, and what was compared. */
interface Selection {
  /** The collectors of --only. */
  readonly only: readonly string[] | undefined
  /** The collectors that both programs have. */
  readonly common: readonly string[]
  /** The collectors that have had at least one metric in a comparison. */
  readonly compared: Set<string>
}

/** Compares with one setup; true if every difference is listed. */
async function isEqual(
  program: string,
  setting: ComparisonSetup,
  { only, common, compared }: Selection,
): Promise<boolean> {
  using peer = await startPeer(program, setting.flags, setting)
  const onlyOurs = ownNames.filter((name) => !common.includes(name))
  const verdict = await comparePrograms(peer, setting, [
    ...setting.flags,
    ...onlyOurs.map((name) => `--no-collector.${name}`),
  ])
  const collectorOf = await collectors(peer, verdict.peer)
  const lines = new Map<string, CollectorResult>()
  const lineOf = (family: string): CollectorResult | undefined => {
    const collector = collectorOf(family)
    if (only !== undefined && !only.includes(collector)) return undefined
    let line = lines.get(collector)
    if (line === undefined) lines.set(collector, (line = { families: new Set(), series: 0, listed: [], unlisted: [] }))
    return line
  }
  for (const [family, { series }] of verdict.peer) {
    const line = lineOf(family)
    line?.families.add(family)
    if (line !== undefined) line.series += series.size
    compared.add(collectorOf(family))
  }
  for (const kind of ['listed', 'unlisted'] as const)
    for (const difference of verdict[kind]) lineOf(difference.family)?.[kind].push(difference)
  return report(setting.name, lines)
}

/** node_exporter's panic names the profiler that failed, but not the collector. */
const perfFailure = /\bperf|profiler/i

/** Compares on the live host. A peer that may not count perf events does not start: it is started again without perf. */
async function isLiveEqual(
  program: string,
  folder: string,
  { all = false, user }: { readonly all?: boolean; readonly user?: string },
  selection: Selection,
): Promise<boolean> {
  const { program: copy = program, within = [] } = user === undefined ? {} : asUser(user, program, folder)
  const enabled = selection.common.filter((name) => all || selection.only?.includes(name))
  const setting = { ...liveHost(enabled.map(flagOf)), within }
  try {
    return await isEqual(copy, setting, selection)
  } catch (error) {
    if (!(error instanceof NotStarted && enabled.includes('perf') && perfFailure.test(error.message))) throw error
    console.log(`parity: node_exporter does not start with perf, compared without it: ${error.message}`)
    const flags = setting.flags.filter((flag) => flag !== flagOf('perf'))
    return isEqual(copy, { ...setting, flags }, selection)
  }
}

/** The collectors that hostpush and this node_exporter have. Names those that only hostpush has. */
function commonCollectors(program: string): string[] {
  const names = peerCollectors(program)
  const onlyOurs = ownNames.filter((name) => !names.has(name))
  if (onlyOurs.length > 0) console.log(`parity: not compared, node_exporter does not have ${onlyOurs.join(', ')}`)
  return ownNames.filter((name) => names.has(name))
}

/** Reports each collector of --only that has had no metric to compare; true if there is none. */
function isEachCompared({ only = [], common, compared }: Selection): boolean {
  const empty = only.filter((name) => !compared.has(name))
  for (const name of empty) {
    const reason = common.includes(name)
      ? 'node_exporter reports no metric of it here'
      : ownNames.includes(name)
        ? 'node_exporter does not have it'
        : 'hostpush does not have it'
    console.error(`parity: --only ${name}: nothing was compared: ${reason}`)
  }
  return empty.length === 0
}

/**
 * Maps a family to its collector: the peer is scraped for each collector alone. A family that only hostpush has belongs
 * to the collector of the family with the longest common prefix.
 */
async function collectors(peer: RunningPeer, all: Exposition): Promise<(family: string) => string> {
  const success = [...(all.get('node_scrape_collector_success')?.series.keys() ?? [])]
  const names = success.map((series) => /collector="(\w+)"/.exec(series)?.[1] ?? '')
  const owners = new Map<string, string[]>()
  for (const name of names)
    for (const family of expositionOf(await peer.read([name])).keys())
      owners.set(family, [...(owners.get(family) ?? []), name])
  const ownerOf = (family: string) => {
    const found = owners.get(family)
    return found === undefined || (found.length === names.length && names.length > 1) ? undefined : found[0]
  }
  return (family) => {
    for (let prefix = family; prefix.length > 'node_'.length; prefix = prefix.slice(0, -1)) {
      const like = owners.has(prefix) ? prefix : [...owners.keys()].find((one) => one.startsWith(`${prefix}_`))
      if (like !== undefined) return ownerOf(like) ?? exporter
    }
    return exporter
  }
}

const exporter = '(exporter)'

function report(title: string, lines: ReadonlyMap<string, CollectorResult>): boolean {
  const sum = { families: 0, series: 0, listed: 0, unlisted: 0 }
  console.log(title)
  for (const [collector, { families, series, listed, unlisted }] of [...lines].sort()) {
    sum.families += families.size
    sum.series += series
    sum.listed += listed.length
    sum.unlisted += unlisted.length
    row(collector, families.size, series, listed.length, unlisted.length)
    for (const { side, text } of unlisted.slice(0, maxShown)) console.log(`    ${side.padEnd(5)} ${text}`)
    if (unlisted.length > maxShown) console.log(`    and ${unlisted.length - maxShown} more`)
  }
  row('total', sum.families, sum.series, sum.listed, sum.unlisted)
  return sum.unlisted === 0
}

function row(name: string, families: number, series: number, listed: number, unlisted: number): void {
  const verdict = unlisted > 0 ? `${unlisted} DIFFER` : 'equal'
  const note = listed > 0 ? `, ${listed} listed differences` : ''
  console.log(
    `  ${name.padEnd(20)} ${String(families).padStart(4)} families ${String(series).padStart(5)} series  ${verdict}${note}`,
  )
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      fixtures: { type: 'boolean' },
      live: { type: 'boolean' },
      all: { type: 'boolean' },
      user: { type: 'string' },
    },
  })
  const both = !values.fixtures && !values.live
  const compared = new Set<string>()
  let selection: Selection | undefined
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-parity-'))
  const attempt = async (comparison: (program: string, selection: Selection) => Promise<boolean>): Promise<boolean> => {
    try {
      const program = peerProgram()
      selection ??= { only: values.only?.split(','), common: commonCollectors(program), compared }
      return await comparison(program, selection)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      const isFailure = process.env.CI === 'true' && error.inCi === 'fails'
      console.log(`parity: ${isFailure ? 'failed' : 'skipped'}: ${error.message}`)
      return !isFailure
    }
  }
  try {
    const isFixtureEqual =
      !(both || values.fixtures) ||
      (await attempt((program, selection) => isEqual(program, fixtureTree(folder), selection)))
    const isHostEqual =
      !(both || values.live) || (await attempt((program, selection) => isLiveEqual(program, folder, values, selection)))
    const isComplete = selection === undefined || compared.size === 0 || isEachCompared(selection) // 0: all were skipped
    return isFixtureEqual && isHostEqual && isComplete
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (!(await main())) process.exitCode = 1
