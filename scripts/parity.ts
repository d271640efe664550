/*
 * Compares what `hostpush collect` prints with what the real node_exporter serves, on the tree of node_exporter's own
 * end-to-end test and on this host: types, series, values, and what only one of the two has.
 *
 *   npm run parity -- [--fixtures] [--live [--all] [--user NAME]] [--only COLLECTOR,…]
 *
 * With --all every collector is on, with --user both programs are run by another user. Prints one line a collector and
 * a total; exits with 1 if anything differs that docs/differences.md does not list. What is missing to compare with is
 * named and skipped; a missing node_exporter is a failure with CI=true.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { collectors as allCollectors } from '../src/collectors/index.ts'
import { type Difference, type Exposition, expositionOf } from './compare.ts'
import { asUser, judge, moving, nothing, passing, type Setting } from './judge.ts'
import { NotStarted, peerProgram, peerVersion, type RunningPeer, startPeer, Unavailable } from './peer.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const fixtures = join(root, '../shared/fixtures', `node-exporter-${peerVersion}`)

/** What node_exporter's own end-to-end test leaves out, as it is of the host and the moment. */
const endToEndSkip =
  /^(go_|node_exporter_build_info|node_scrape_collector_duration_seconds|process_|node_textfile_mtime_seconds|node_time_(zone|seconds)|node_network_(receive|transmit)_(bytes|packets)_total)/

interface Line {
  readonly families: Set<string>
  series: number
  readonly known: Difference[]
  readonly unknown: Difference[]
}

const shownAtMost = 10

/** Unpacks the tree that node_exporter's end-to-end test reads. Some labels hold its path, so we run inside it. */
function fixtureTree(into: string): Setting {
  const [archive, flags] = [`${fixtures}.tar.gz`, `${fixtures}.flags`]
  for (const file of [archive, flags]) if (!existsSync(file)) throw new Unavailable(`${file} does not exist`, 'skips')
  execFileSync('tar', ['-xzf', archive, '-C', into])
  return {
    name: 'fixtures',
    flags: readFileSync(flags, 'utf8').match(/^--.*$/gm) ?? [],
    cwd: into,
    leftOut: endToEndSkip,
    moving: nothing,
  }
}

const everything = allCollectors.map(({ name }) => `--collector.${name}`)

const liveHost = (flags: readonly string[]): Setting => ({ name: 'live', flags, cwd: '/', leftOut: passing, moving })

/** Compares under one setting; true if nothing differs that is not known. */
async function isEqual(program: string, setting: Setting, only: readonly string[] | undefined): Promise<boolean> {
  using peer = await startPeer(program, setting.flags, setting)
  const verdict = await judge(peer, setting)
  const collectorOf = await collectors(peer, verdict.peer)
  const lines = new Map<string, Line>()
  const lineOf = (family: string): Line | undefined => {
    const collector = collectorOf(family)
    if (only !== undefined && !only.includes(collector)) return undefined
    let line = lines.get(collector)
    if (line === undefined) lines.set(collector, (line = { families: new Set(), series: 0, known: [], unknown: [] }))
    return line
  }
  for (const [family, { series }] of verdict.peer) {
    const line = lineOf(family)
    line?.families.add(family)
    if (line !== undefined) line.series += series.size
  }
  for (const kind of ['known', 'unknown'] as const)
    for (const difference of verdict[kind]) lineOf(difference.family)?.[kind].push(difference)
  return report(setting.name, lines)
}

/** The live host. Where the peer cannot count events it does not start: then that is left out, and said. */
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
    console.log(`parity: without perf, with which node_exporter does not start: ${error.message}`)
    return isEqual(its, { ...setting, flags: everything.filter((flag) => flag !== '--collector.perf') }, only)
  }
}

/** Tells which collector a family is of: the peer is asked for each alone; one only we have is where its like is. */
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

function report(title: string, lines: ReadonlyMap<string, Line>): boolean {
  const sum = { families: 0, series: 0, known: 0, unknown: 0 }
  console.log(title)
  for (const [collector, { families, series, known, unknown }] of [...lines].sort()) {
    sum.families += families.size
    sum.series += series
    sum.known += known.length
    sum.unknown += unknown.length
    row(collector, families.size, series, known.length, unknown.length)
    for (const { side, text } of unknown.slice(0, shownAtMost)) console.log(`    ${side.padEnd(5)} ${text}`)
    if (unknown.length > shownAtMost) console.log(`    and ${unknown.length - shownAtMost} more`)
  }
  row('total', sum.families, sum.series, sum.known, sum.unknown)
  return sum.unknown === 0
}

function row(name: string, families: number, series: number, known: number, unknown: number): void {
  const verdict = unknown > 0 ? `${unknown} DIFFER` : 'equal'
  const listed = known > 0 ? `, ${known} listed differences` : ''
  console.log(
    `  ${name.padEnd(20)} ${String(families).padStart(4)} families ${String(series).padStart(5)} series  ${verdict}${listed}`,
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
  const under = async (compared: (program: string) => Promise<boolean>): Promise<boolean> => {
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
    const first = !(both || values.fixtures) || (await under((program) => isEqual(program, fixtureTree(folder), only)))
    const second = !(both || values.live) || (await under((program) => isLiveEqual(program, folder, values, only)))
    return first && second
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (!(await main())) process.exitCode = 1
