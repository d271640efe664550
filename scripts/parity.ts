/*
 * Compares `hostpush collect` with the real node_exporter, on the tree of node_exporter's end-to-end test and on this
 * host: types, series, values, and series that only one of the two has.
 *
 *   npm run parity -- [--fixtures] [--live [--all] [--user NAME]] [--only COLLECTOR,…]
 *
 * --all enables every collector, --user runs both programs as another user. Prints one line for each collector and a
 * total. Exits with 1 for a difference that docs/differences.md does not list. A comparison without its node_exporter or
 * its tree is skipped; with CI=true a missing node_exporter is a failure.
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
import { NotStarted, peerProgram, peerVersion, type RunningPeer, startPeer, Unavailable } from './peer.ts'

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

const everything = allCollectors.map(({ name }) => `--collector.${name}`)

const liveHost = (flags: readonly string[]): ComparisonSetup => ({
  name: 'live',
  flags,
  cwd: '/',
  ignored: momentary,
  moving,
})

/** Compares with one setup; true if every difference is listed. */
async function isEqual(
  program: string,
  setting: ComparisonSetup,
  only: readonly string[] | undefined,
): Promise<boolean> {
  using peer = await startPeer(program, setting.flags, setting)
  const verdict = await comparePrograms(peer, setting)
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
  }
  for (const kind of ['listed', 'unlisted'] as const)
    for (const difference of verdict[kind]) lineOf(difference.family)?.[kind].push(difference)
  return report(setting.name, lines)
}

/** Compares on the live host. A peer that cannot count perf events does not start: it is started again without perf. */
async function isLiveEqual(
  program: string,
  folder: string,
  given: { readonly all?: boolean; readonly user?: string },
  only: readonly string[] | undefined,
): Promise<boolean> {
  const { program: its = program, within = [] } = given.user === undefined ? {} : asUser(given.user, program, folder)
  const setting = { ...liveHost(given.all ? everything : []), within }
  try {
    return await isEqual(its, setting, only)
  } catch (error) {
    if (!(error instanceof NotStarted && given.all)) throw error
    console.log(`parity: node_exporter does not start with perf, compared without it: ${error.message}`)
    return isEqual(its, { ...setting, flags: everything.filter((flag) => flag !== '--collector.perf') }, only)
  }
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
  const only = values.only?.split(',')
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-parity-'))
  const attempt = async (compared: (program: string) => Promise<boolean>): Promise<boolean> => {
    try {
      return await compared(peerProgram())
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      const isFailure = process.env.CI === 'true' && error.inCi === 'fails'
      console.log(`parity: ${isFailure ? 'failed' : 'skipped'}: ${error.message}`)
      return !isFailure
    }
  }
  try {
    const first =
      !(both || values.fixtures) || (await attempt((program) => isEqual(program, fixtureTree(folder), only)))
    const second = !(both || values.live) || (await attempt((program) => isLiveEqual(program, folder, values, only)))
    return first && second
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (!(await main())) process.exitCode = 1
