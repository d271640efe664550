import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../src/util/version.ts'

const packaged = `node-linux-${process.arch}/bin/node`
const loader = process.arch === 'arm64' ? '/lib/ld-linux-aarch64.so.1' : '/lib64/ld-linux-x86-64.so.2'
const skip = existsSync(loader) ? false : `this host runs no packaged Node: ${loader} is missing`

interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string[]
  readonly err: string
  readonly pid: number | undefined
}

/** A package folder with only the launcher, and a PATH with only readlink. */
function scene(t: TestContext, home = 'hostpush') {
  const folder = mkdtempSync(join(tmpdir(), 'launcher test '))
  t.after(() => rmSync(folder, { recursive: true }))
  const root = join(folder, home)
  for (const path of [join(root, 'bin'), join(root, 'dist'), join(folder, 'path')]) mkdirSync(path, { recursive: true })
  copyFileSync(fileURLToPath(new URL('bin/hostpush', packageRoot)), join(root, 'bin/hostpush'))
  writeFileSync(join(root, 'dist/hostpush.cjs'), '')
  symlinkSync('/usr/bin/readlink', join(folder, 'path/readlink'))

  /** A fake Node that prints its name, pid and arguments, one for each line. */
  function fakeNode(path: string, name: string, version = 'v26.0.0'): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(
      join(folder, path),
      `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\nprintf '%s\\n' '${name}' $$ "$@"\n`,
    )
    chmodSync(join(folder, path), 0o755)
  }

  function start(file: string, args: readonly string[], environment: Record<string, string> = {}): ChildProcess {
    const env = { PATH: join(folder, 'path'), ...environment }
    return spawn(file, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  async function launch(args: readonly string[] = [], environment: Record<string, string> = {}, file?: string) {
    return ended(start(file ?? join(root, 'bin/hostpush'), args, environment))
  }
  return { folder, root, fakeNode, start, launch }
}

function ended(child: ChildProcess): Promise<Ended> {
  let out = ''
  let err = ''
  child.stdout?.on('data', (text) => (out += text))
  child.stderr?.on('data', (text) => (err += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) =>
      resolve({ status, signal, out: out.split('\n').slice(0, -1), err, pid: child.pid }),
    )
  })
}

test('the packaged Node gets the flags, the bundle and every argument unchanged', { skip }, async (t) => {
  const { fakeNode, launch, root } = scene(t)
  fakeNode(`hostpush/node_modules/${packaged}`, 'packaged')
  fakeNode('path/node', 'system')
  const { status, out } = await launch(['exec', '--', 'a b', '', '$HOME', '*'])
  assert.equal(status, 0)
  const [name, , ...args] = out
  const bundle = args.findIndex((arg) => !arg.startsWith('--'))
  assert.equal(name, 'packaged')
  assert.ok(args.slice(0, bundle).includes('--max-semi-space-size=1'))
  assert.deepEqual(args.slice(bundle), [`${root}/bin/../dist/hostpush.cjs`, 'exec', '--', 'a b', '', '$HOME', '*'])
})

test('it replaces itself with Node, so that signals reach the agent', { skip }, async (t) => {
  const { folder, fakeNode, start, launch, root } = scene(t)
  const node = `hostpush/node_modules/${packaged}`
  fakeNode(node, 'packaged')
  const { out, pid } = await launch()
  assert.equal(out[1], String(pid))

  writeFileSync(join(folder, node), '#!/bin/sh\ntrap "echo asked to stop; exit 7" TERM\necho up\nwhile :; do :; done\n')
  const child = start(join(root, 'bin/hostpush'), [])
  const end = ended(child)
  child.stdout?.once('data', () => child.kill('SIGTERM'))
  assert.deepEqual([(await end).status, (await end).out], [7, ['up', 'asked to stop']])
})

test('the launcher finds its package through links, in a folder with spaces, from any directory', {
  skip,
}, async (t) => {
  const { folder, fakeNode, launch, root } = scene(t, 'some where/hostpush')
  fakeNode(`some where/hostpush/node_modules/${packaged}`, 'packaged')
  mkdirSync(join(folder, 'links'))
  symlinkSync(join(root, 'bin/hostpush'), join(folder, 'links/absolute'))
  symlinkSync('../links/absolute', join(folder, 'links/hostpush'))
  symlinkSync('some where/hostpush', join(folder, 'current'))
  for (const file of [
    join(folder, 'links/absolute'),
    'links/hostpush',
    './links/../links/hostpush',
    'current/bin/hostpush',
  ])
    assert.equal((await launch([], {}, file)).out[0], 'packaged', file)
  assert.equal((await launch([], { PATH: `${folder}/links:${folder}/path` }, 'hostpush')).out[0], 'packaged')
})

test('a link is followed without a PATH', { skip }, async (t) => {
  const { folder, fakeNode, launch, root } = scene(t)
  fakeNode(`hostpush/node_modules/${packaged}`, 'packaged')
  symlinkSync(join(root, 'bin/hostpush'), join(folder, 'link'))
  assert.equal((await launch([], { PATH: '' }, join(folder, 'link'))).out[0], 'packaged')
})

test('a Node that npm installed next to the package is used', { skip }, async (t) => {
  const { fakeNode, launch } = scene(t, 'app/node_modules/hostpush')
  fakeNode(`app/node_modules/${packaged}`, 'beside')
  assert.equal((await launch()).out[0], 'beside')
})

test('no program of a parent folder is run unless it is node_modules', async (t) => {
  const { fakeNode, launch } = scene(t)
  fakeNode(packaged, 'planted')
  fakeNode('path/node', 'system')
  assert.equal((await launch()).out[0], 'system')
})

test('HOSTPUSH_NODE takes precedence', async (t) => {
  const { folder, fakeNode, launch } = scene(t)
  fakeNode(`hostpush/node_modules/${packaged}`, 'packaged')
  fakeNode('my own/node', 'mine', 'v24.0.0')
  fakeNode('old/node', 'old', 'v20.20.2')
  assert.equal((await launch([], { HOSTPUSH_NODE: join(folder, 'my own/node') })).out[0], 'mine')
  const { status, err } = await launch([], { HOSTPUSH_NODE: join(folder, 'old/node') })
  assert.deepEqual(
    [status, err],
    [1, `hostpush: HOSTPUSH_NODE is ${folder}/old/node (v20.20.2): Node 24 or newer is required\n`],
  )
  assert.match((await launch([], { HOSTPUSH_NODE: '/nowhere' })).err, /HOSTPUSH_NODE is \/nowhere \(no version\)/)
})

test("HOSTPUSH_NODE_FLAGS follow the launcher's flags", async (t) => {
  const { fakeNode, launch } = scene(t)
  fakeNode('path/node', 'system')
  const { out } = await launch([], { HOSTPUSH_NODE_FLAGS: '--max-old-space-size=1000 --trace-gc' })
  assert.deepEqual(out.slice(-3, -1), ['--max-old-space-size=1000', '--trace-gc'])
})

test('without a packaged Node, the one in PATH must be new enough', async (t) => {
  const { folder, fakeNode, launch } = scene(t)
  const none = await launch()
  assert.equal(none.status, 1)
  assert.match(none.err, /there is none in PATH\nhostpush: run `npm ci` without .* set HOSTPUSH_NODE/)
  fakeNode('path/node', 'system', 'v24.1.0')
  assert.equal((await launch()).out[0], 'system')
  fakeNode('path/node', 'system', 'v20.20.2')
  const old = await launch()
  assert.equal(old.status, 1)
  assert.ok(old.err.includes(`${folder}/path/node is too old (v20.20.2)`), old.err)
})

test('without a bundle it says which command builds one', async (t) => {
  const { fakeNode, launch, root } = scene(t)
  fakeNode('path/node', 'system')
  rmSync(join(root, 'dist'), { recursive: true })
  const { status, err } = await launch()
  assert.equal(status, 1)
  assert.match(err, /dist\/hostpush\.cjs is missing: run `npm ci` in /)

  // A fresh worktree with the dependencies of another one
  for (const path of ['scripts', 'node_modules/esbuild']) mkdirSync(join(root, path), { recursive: true })
  writeFileSync(join(root, 'scripts/build.ts'), '')
  assert.match((await launch()).err, /dist\/hostpush\.cjs is missing: run `npm run prepare` in /)
})
