import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BuildOptions, Plugin } from 'esbuild'
import { collectors } from '../src/collectors/index.ts'
import type { Build } from '../src/util/version.ts'

/**
 * Builds dist/ at the end of `npm ci` and before `npm pack`:
 *
 *     hostpush.cjs       src/bundle-loader.ts, which loads the others
 *     main.cjs           src/cli.ts and its imports
 *     file-child.cjs     src/host/fs/file-child.ts, the program of a child process
 *     hardware-helper.cjs  the helper process that reads hardware, with only the collectors that do
 *     PACKAGE.cjs        a package, or parts of one, that the source loads with import(): loaded on first use
 *     NAME.*.cache       V8's code cache of each file, for the Node that built it
 *     *.LEGAL.txt        licences that must accompany the code
 *
 * Unused source costs time and memory: with all packages in one file `--version` takes 40 ms more than Node itself and
 * 7 MB more private memory than with separate files. With the code cache it takes 5 to 10 ms more than Node.
 */
const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist`

const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }

const buildInfo: Build = {
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
  // import() prints a warning in a script from a code cache: it becomes a require() at the place of use.
  supported: { 'dynamic-import': false },
  // V8 stores ASCII source with one byte a character instead of two.
  charset: 'ascii',
  // Stack traces stay readable, and a minified bundle starts more slowly.
  minify: false,
  minifyWhitespace: true,
  legalComments: 'external',
  banner: { js: `const bundleUrl = require('node:url').pathToFileURL(__filename).href;` },
  define: {
    'import.meta.url': 'bundleUrl',
    'import.meta.dirname': '__dirname',
    'import.meta.main': 'true',
    HOSTPUSH_BUILD: JSON.stringify(buildInfo),
  },
  logLevel: 'warning',
}

/** Output of git; empty outside a checkout of this package. The commit of an enclosing repository is irrelevant. */
function git(...args: string[]): string {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = { cwd: root, encoding: 'utf8', stdio: 'pipe' }
    if (execFileSync('git', ['rev-parse', '--show-prefix'], options) !== '\n') return ''
    return execFileSync('git', args, options).trim()
  } catch {
    return '' // git is not installed, or this is not a repository
  }
}

/** Modules that the source loads with import(), such as `prom-client/lib/gauge.js`, by bundle file. */
const separatePackages = new Map<string, Set<string>>()

/**
 * Replacements for Node modules in undici's bundle: they cost a short command 10 ms. undici loads node:http2 if it can,
 * which loads TLS and cryptography, but hostpush never uses HTTP/2. Of node:http its Client needs one number, Node's
 * default.
 */
const stubs: Readonly<Record<string, string>> = {
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

const nodeModuleStubs: Plugin = {
  name: 'node module stubs',
  setup(build) {
    build.onResolve({ filter: /^(node:)?(http2|http|assert)$/ }, ({ path, importer }) =>
      importer.includes('/node_modules/undici/lib/')
        ? { path: path.replace('node:', ''), namespace: 'stubs' }
        : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'stubs' }, ({ path }) => ({ contents: stubs[path] ?? '' }))
  },
}

/** Replaces packages loaded with import() by a module that loads their own bundle file on first use. */
const separated: Plugin = {
  name: 'separate packages',
  setup(build) {
    build.onResolve({ filter: /^(@[^/]+\/)?[^./@]/ }, ({ path, kind, importer }) => {
      if (kind !== 'dynamic-import' || importer.includes('/node_modules/') || path.startsWith('node:')) return undefined
      const file = fileOf(path)
      separatePackages.set(file, (separatePackages.get(file) ?? new Set()).add(path))
      return { path, namespace: 'separate', pluginData: file }
    })
    build.onLoad({ filter: /.*/, namespace: 'separate' }, ({ path, pluginData }) => ({
      contents: `module.exports = loadBundled(${JSON.stringify(pluginData)})[${JSON.stringify(path)}]()`,
    }))
  },
}

/** The bundle file of a module. A package and its parts are two files, so that parts load without the whole. */
function fileOf(path: string): string {
  const [, scope, name, part] = /^(?:@([^/]+)\/)?([^/]+)(\/.+)?$/.exec(path) ?? []
  return [scope, name, part && 'parts'].filter((word) => word !== undefined).join('-')
}

const exportsOf = (paths: Iterable<string>): string =>
  [...paths]
    .map((path) => JSON.stringify(path))
    .map((path) => `exports[${path}] = () => require(${path})\n`)
    .join('')

/** Replaces the list of collectors by those that read hardware: 10 MB of private memory instead of 12.5 MB, or 18 MB with main.cjs. */
const hardwareOnly: Plugin = {
  name: 'hardware collectors only',
  setup(build) {
    build.onLoad({ filter: /\/src\/collectors\/index\.ts$/ }, ({ path }) => {
      const files = collectors
        .filter(({ hardware }) => hardware.length > 0)
        .map(({ name }) => JSON.stringify(`./${name.replaceAll('_', '-')}.ts`))
      const imports = files.map((file, i) => `import one${i} from ${file}\n`).join('')
      const contents = `${imports}export const collectors = [${files.map((_, i) => `one${i}`).join(', ')}]`
      return { contents, resolveDir: dirname(path) }
    })
  },
}

async function bundle({ build }: typeof import('esbuild')): Promise<void> {
  rmSync(dist, { recursive: true, force: true })
  mkdirSync(dist)
  await build({ ...shared, entryPoints: ['src/bundle-loader.ts'], outfile: 'dist/hostpush.cjs' })
  await build({ ...shared, entryPoints: ['src/cli.ts'], outfile: 'dist/main.cjs', plugins: [separated] })
  await build({ ...shared, entryPoints: ['src/host/fs/file-child.ts'], outfile: 'dist/file-child.cjs' })
  const helper = `import { serve } from './src/commands/hardware/helper.ts'\nvoid serve()`
  const helperEntry = { stdin: { contents: helper, resolveDir: root }, outfile: 'dist/hardware-helper.cjs' }
  await build({ ...shared, ...helperEntry, plugins: [separated, hardwareOnly] })
  for (const [file, paths] of separatePackages) {
    const stdin = { contents: exportsOf(paths), resolveDir: root }
    await build({ ...shared, stdin, outfile: `dist/${file}.cjs`, plugins: [nodeModuleStubs] })
  }
}

/**
 * Without a code cache the build is complete but starts more slowly: a sandbox may forbid the commands that create it.
 */
function writeCodeCache(): void {
  try {
    execFileSync(process.execPath, [`${root}scripts/code-cache.ts`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 30_000,
      killSignal: 'SIGKILL', // `demo` handles SIGTERM and may not end
    })
  } catch (error) {
    console.warn(`build: no code cache, each start takes about 15 ms longer: ${String(error)}`)
  }
}

const esbuild = await import('esbuild').catch(() => undefined)
if (esbuild === undefined) console.warn('build: esbuild is not installed (npm ci --omit=dev?), nothing was built')
else {
  await bundle(esbuild)
  writeCodeCache()
}
