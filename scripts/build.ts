import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BuildOptions, Plugin } from 'esbuild'
import type { Build } from '../src/util/version.ts'

/**
 * Makes dist/ at the end of `npm ci` and before `npm pack`:
 *
 *     hostpush.cjs       src/bundle-loader.ts, which runs the others
 *     main.cjs           src/cli.ts and all that it imports
 *     PACKAGE.cjs        a package, or parts of one, that the source loads with import(): read when it is used
 *     NAME.*.cache       V8's code cache of each, for the Node that built it
 *     *.LEGAL.txt        licences that ask to be kept with the code
 *
 * Source that is not used is not free: with all packages in one file `--version` took 40 ms more than Node itself and
 * 7 MB more private memory than with them apart; with the code cache it takes 5 to 10 ms more than Node.
 */
const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist`

const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }

const facts: Build = {
  version,
  revision: git('rev-parse', 'HEAD') || 'unknown',
  branch: git('rev-parse', '--abbrev-ref', 'HEAD') || 'unknown',
}

const shared: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  // A script that comes from a code cache has no import() without a warning: it becomes a late require().
  supported: { 'dynamic-import': false },
  // One byte a character in memory, not two.
  charset: 'ascii',
  // Stack traces that can be read, and a minified bundle starts more slowly.
  minify: false,
  minifyWhitespace: true,
  legalComments: 'external',
  banner: { js: `const bundleUrl = require('node:url').pathToFileURL(__filename).href;` },
  define: {
    'import.meta.url': 'bundleUrl',
    'import.meta.dirname': '__dirname',
    'import.meta.main': 'true',
    HOSTPUSH_BUILD: JSON.stringify(facts),
  },
  logLevel: 'warning',
}

/** Empty outside a checkout of this very package: the commit of a repository around it says nothing. */
function git(...args: string[]): string {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = { cwd: root, encoding: 'utf8', stdio: 'pipe' }
    if (execFileSync('git', ['rev-parse', '--show-prefix'], options) !== '\n') return ''
    return execFileSync('git', args, options).trim()
  } catch {
    return '' // no git, or no repository
  }
}

/** By file, what the source asks of a package with import(): `prom-client/lib/gauge.js`. */
const apart = new Map<string, Set<string>>()

/**
 * What undici gets in the place of modules of Node's own that take a short command 10 ms to load. It takes node:http2
 * where it can have it, and with it come TLS and cryptography, for a protocol that is never spoken; of node:http its Client
 * wants one number, which is Node's default.
 */
const lighter: Readonly<Record<string, string>> = {
  http2: 'throw new Error("left out of this bundle")',
  http: 'module.exports = { maxHeaderSize: 16384 }',
  assert: `
    const fail = (message) => { throw message instanceof Error ? message : new Error(message ?? 'undici: an assertion') }
    const assert = (value, message) => { if (!value) fail(message) }
    assert.ok = assert
    assert.equal = (left, right, message) => { if (left != right) fail(message) }
    assert.strictEqual = (left, right, message) => { if (left !== right) fail(message) }
    assert.notStrictEqual = (left, right, message) => { if (left === right) fail(message) }
    module.exports = assert`,
}

const lightened: Plugin = {
  name: 'lightened',
  setup(build) {
    build.onResolve({ filter: /^(node:)?(http2|http|assert)$/ }, ({ path, importer }) =>
      importer.includes('/node_modules/undici/lib/')
        ? { path: path.replace('node:', ''), namespace: 'lighter' }
        : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'lighter' }, ({ path }) => ({ contents: lighter[path] ?? '' }))
  },
}

/** Leaves those packages out of main.cjs, and in their place a module that gets theirs when it is asked for. */
const setApart: Plugin = {
  name: 'set apart',
  setup(build) {
    build.onResolve({ filter: /^(@[^/]+\/)?[^./@]/ }, ({ path, kind, importer }) => {
      if (kind !== 'dynamic-import' || importer.includes('/node_modules/') || path.startsWith('node:')) return undefined
      const file = fileOf(path)
      apart.set(file, (apart.get(file) ?? new Set()).add(path))
      return { path, namespace: 'apart', pluginData: file }
    })
    build.onLoad({ filter: /.*/, namespace: 'apart' }, ({ path, pluginData }) => ({
      contents: `module.exports = loadBundled(${JSON.stringify(pluginData)})[${JSON.stringify(path)}]()`,
    }))
  },
}

/** Who asks for parts of a package does not want the whole of it: those are two files. */
function fileOf(path: string): string {
  const [, scope, name, part] = /^(?:@([^/]+)\/)?([^/]+)(\/.+)?$/.exec(path) ?? []
  return [scope, name, part && 'parts'].filter((word) => word !== undefined).join('-')
}

const asked = (paths: Iterable<string>): string =>
  [...paths]
    .map((path) => JSON.stringify(path))
    .map((path) => `exports[${path}] = () => require(${path})\n`)
    .join('')

async function bundle({ build }: typeof import('esbuild')): Promise<void> {
  rmSync(dist, { recursive: true, force: true })
  mkdirSync(dist)
  await build({ ...shared, entryPoints: ['src/bundle-loader.ts'], outfile: 'dist/hostpush.cjs' })
  await build({ ...shared, entryPoints: ['src/cli.ts'], outfile: 'dist/main.cjs', plugins: [setApart] })
  for (const [file, paths] of apart) {
    const stdin = { contents: asked(paths), resolveDir: root }
    await build({ ...shared, stdin, outfile: `dist/${file}.cjs`, plugins: [lightened] })
  }
}

/** A build without a code cache is a good one that starts more slowly: a sandbox may forbid what training does. */
function train(): void {
  try {
    execFileSync(process.execPath, [`${root}scripts/train.ts`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 30_000,
      killSignal: 'SIGKILL', // a demo takes SIGTERM as a wish
    })
  } catch (error) {
    console.warn(`build: no code cache, so starts will take some 15 ms longer: ${String(error)}`)
  }
}

const esbuild = await import('esbuild').catch(() => undefined)
if (esbuild === undefined) console.warn('build: esbuild is not installed (npm ci --omit=dev?), so nothing was built')
else {
  await bundle(esbuild)
  train()
}
