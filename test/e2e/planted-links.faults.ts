import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort, program, root, temporary } from '../support/servers.ts'

/*
 * Root works in the buffer directory of a hostile user. The names that hostpush opens there are recorded with strace(1), so
 * a name that a later version opens is tried too. At each of them the user plants a link, a hard link or a FIFO.
 */

const other = 65_534
const bin = join(root, 'bin/hostpush')
/** Time for one command. All have a timeout of 300 ms. */
const commandMs = 20_000

type Command = 'once' | 'rejected' | 'exec' | 'push' | 'run' | 'drop' | 'export' | 'ls'
/** A name is tried with the first of these commands that opens it, and with `ls` and `export` if they do. */
const commands: readonly Command[] = ['once', 'rejected', 'exec', 'push', 'run', 'drop', 'export', 'ls']

interface Place {
  readonly folder: string
  /** What a hostile user's links lead to. */
  readonly victim: string
  /** A buffer with a backlog, spooled samples and corrupt bytes. */
  readonly template: string
  readonly ports: { readonly dead: number; readonly rejecting: number }
}

async function placeOf(t: TestContext): Promise<Place | undefined> {
  if (process.getuid?.() !== 0) {
    t.skip('only root can work in the directory of another user')
    return undefined
  }
  if (program(t, 'setpriv') === undefined) return undefined
  const folder = temporary(t)
  chownSync(folder, other, other)
  const reaches = (path: string) => spawnSync('test', ['-r', path], { uid: other, gid: other }).status === 0
  if (![process.execPath, bin, folder].every(reaches)) {
    if (process.env['CI'] === 'true') throw new Error(`user ${other} must be able to read the checkout`)
    t.skip(`user ${other} may not read the checkout, or the folder for temporary files`)
    return undefined
  }
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(400).end('label value too long'))
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  const ports = { dead: await freePort(), rejecting: (server.address() as AddressInfo).port }
  const place = { folder, victim: join(folder, 'victim'), template: join(folder, 'template'), ports }
  await makeTemplate(t, place)
  makeVictim(place.victim)
  return place
}

function configOf({ folder, ports }: Place, port = ports.dead): string {
  const path = join(folder, `${port}.json`)
  const config = {
    instance: 'h',
    global: { scrape_interval: '1s' },
    flush_timeout: '100ms',
    remote_write: [{ name: 'r', url: `http://127.0.0.1:${port}/api/v1/write` }],
  }
  writeFileSync(path, JSON.stringify(config))
  return `--config.file=${path}`
}

const few = ['--collector.disable-defaults', '--collector.loadavg', '--collector.uname']

function argumentsOf(command: Command, place: Place): readonly string[] {
  const timed = ['--timeout=300ms', configOf(place)]
  switch (command) {
    case 'once':
      return ['once', ...few, ...timed]
    case 'rejected':
      return ['once', ...few, '--timeout=300ms', configOf(place, place.ports.rejecting)]
    case 'exec':
      return ['exec', '--job=j', ...timed, '--', 'true']
    case 'push':
      return ['push', '--job=j', ...timed, join(place.folder, 'metrics.prom')]
    case 'run':
      return ['run', ...few, '--web.listen-address=', configOf(place)]
    case 'drop':
      return ['buffer', 'drop', '--yes', configOf(place)]
    default:
      return ['buffer', command, configOf(place)]
  }
}

/** The output of a command; it ends by itself, except `run`, which gets a signal after its first attempt to send. */
async function outputOf(
  t: TestContext,
  state: string,
  command: Command,
  { place, before = [], signal = 'SIGTERM' }: Surroundings,
): Promise<string> {
  const [file = '', ...args] = [...before, bin, ...argumentsOf(command, place)]
  const env = { ...process.env, STATE_DIRECTORY: state }
  const child = spawn(file, args, { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  const stop = () =>
    command === 'run' &&
    /Remote write failed|Buffer (directory|write)/.test(text) &&
    process.kill(-Number(child.pid), signal)
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      text += chunk
      stop()
    })
  const timer = setTimeout(() => {
    text += '\nHUNG'
    process.kill(-Number(child.pid), 'SIGKILL')
  }, commandMs)
  await new Promise((resolve) => child.once('close', resolve))
  clearTimeout(timer)
  return text
}

interface Surroundings {
  readonly place: Place
  /** A program that runs the command. */
  readonly before?: readonly string[]
  readonly signal?: NodeJS.Signals
}

async function makeTemplate(t: TestContext, place: Place): Promise<void> {
  const { template, folder } = place
  writeFileSync(join(folder, 'metrics.prom'), 'a 1\n')
  mkdirSync(template)
  chownSync(template, other, other)
  await outputOf(t, template, 'run', { place, signal: 'SIGKILL' }) // leaves its socket
  await outputOf(t, template, 'once', { place })
  const [run] = readdirSync(join(template, 'spool')).filter((name) => name !== 'queue')
  // as a killed command leaves it
  writeFileSync(
    join(template, `spool/${run}/run.json`),
    JSON.stringify({ remembered: {}, isEnded: false, outputs: ['r'] }),
  )
  const segments = (readdirSync(template, { recursive: true }) as string[]).filter((name) => name.endsWith('.segment'))
  assert.equal(segments.length, 2)
  for (const name of segments) {
    const bytes = readFileSync(join(template, name))
    bytes[300] = (bytes[300] ?? 0) ^ 1 // in a record: it is copied to corrupt/
    writeFileSync(join(template, name), bytes)
  }
}

const secret = 'TOPSECRET'

/** A file and a directory of root, and the same of the hostile user: hostpush must not follow links to these either. */
function makeVictim(victim: string): void {
  for (const [owner, name] of [
    [0, 'roots'],
    [other, 'own'],
  ] as const) {
    const directory = join(victim, name)
    mkdirSync(directory, { recursive: true })
    const text = `${secret} of ${name}\n`
    const files = ['file', 'cursors', 'run.json', '0000000000000001.segment', '1']
    const copies = Array.from({ length: 40 }, (_, i) => `${String(i).padStart(15, '0')}-0000000000000001.segment-0`)
    for (const file of [...files, ...copies]) {
      writeFileSync(join(directory, file), text, { mode: 0o600 })
      chownSync(join(directory, file), owner, owner)
    }
    chownSync(directory, owner, owner)
  }
}

/** Names, modes, owners, links and contents. */
const treeOf = (folder: string): string =>
  (readdirSync(folder, { recursive: true }) as string[])
    .sort()
    .map((name) => {
      const status = lstatSync(join(folder, name))
      const content = status.isFile() ? `${status.mtimeMs} ${readFileSync(join(folder, name))}` : ''
      return `${name} ${status.mode} ${status.uid} ${status.gid} ${content}`
    })
    .join('\n')

/** The names below `state` in a trace, relative to it. Names in an open directory are `/proc/self/fd/N/NAME`. */
function namesIn(trace: string, state: string): readonly string[] {
  const directories = new Map<string, string>()
  const pending = new Map<string, string>()
  const names = new Set<string>()
  const real = (path: string) =>
    path.replace(/^\/proc\/self\/fd\/(\d+)/, (whole, fd: string) => directories.get(fd) ?? whole)
  for (const line of trace.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const isOpen = /^(<\.\.\. )?open/.test(rest)
    const paths = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path = '']) => real(path))
    for (const path of paths)
      if (path.startsWith(`${state}/`)) names.add(path.slice(state.length + 1).replace(/\/$/, ''))
    const [opened] = paths
    if (isOpen && opened !== undefined) pending.set(thread, opened)
    const fd = isOpen ? /\) += (\d+)/.exec(rest)?.[1] : undefined
    if (fd !== undefined) directories.set(fd, pending.get(thread) ?? '')
  }
  return [...names].filter((name) => name !== '')
}

/** Names that the user cannot know before the command runs: ids of new runs, and temporary names. */
const isRandom = (name: string, ids: readonly string[]): boolean => {
  const [, id] = /^spool\/(\d{15}-[^/]*)/.exec(name) ?? []
  return (id !== undefined && !ids.includes(id)) || /(^|\/)new-/.test(name) || /^corrupt\/|\/corrupt\//.test(name)
}

const traced = 'open,openat,mkdir,rename,link,unlink,rmdir,bind,chmod'

/** Which commands open a name, for every name. */
async function recorded(t: TestContext, place: Place): Promise<ReadonlyMap<string, readonly Command[]>> {
  const ids = readdirSync(join(place.template, 'spool'))
  const byName = new Map<string, Command[]>()
  for (const command of commands) {
    const state = copyOf(place, `recorded-${command}`)
    const trace = join(place.folder, `${command}.trace`)
    await outputOf(t, state, command, {
      place,
      before: ['strace', '-f', '-s', '1000', '-o', trace, '-e', `trace=${traced}`],
    })
    for (const name of namesIn(readFileSync(trace, 'utf8'), state))
      if (!isRandom(name, ids)) byName.set(name, [...(byName.get(name) ?? []), command])
  }
  return byName
}

function copyOf({ folder, template }: Place, name: string): string {
  const state = join(folder, name)
  rmSync(state, { recursive: true, force: true })
  execFileSync('cp', ['-a', template, state])
  return state
}

/** How to plant something at a path. `isKept`: hostpush may write to it, because it is a file of its own. */
const plants: Readonly<Record<string, (path: string, victim: string) => void>> = {
  "a link to root's file": (path, victim) => symlinkSync(join(victim, 'roots/file'), path),
  "a link to the user's file": (path, victim) => symlinkSync(join(victim, 'own/file'), path),
  "a link to root's directory": (path, victim) => symlinkSync(join(victim, 'roots'), path),
  "a link to the user's directory": (path, victim) => symlinkSync(join(victim, 'own'), path),
  "a hard link of root's file": (path, victim) => linkSync(join(victim, 'roots/file'), path),
  "a hard link of the user's file": (path, victim) => linkSync(join(victim, 'own/file'), path),
  'a FIFO': (path) => {
    execFileSync('mkfifo', [path])
    chownSync(path, other, other)
  },
}

function plant(state: string, name: string, how: (path: string, victim: string) => void, victim: string): void {
  const path = join(state, name)
  rmSync(path, { recursive: true, force: true })
  for (const missing of missingParents(path)) {
    mkdirSync(missing)
    chownSync(missing, other, other)
  }
  how(path, victim)
}

const missingParents = (path: string): readonly string[] =>
  existsSync(dirname(path)) ? [] : [...missingParents(dirname(path)), dirname(path)]

test('links, hard links and FIFOs at every name that root opens change and reveal nothing', {
  timeout: 900_000,
}, async (t) => {
  const place = await placeOf(t)
  if (place === undefined || program(t, 'strace') === undefined) return
  const byName = await recorded(t, place)
  for (const expected of [
    'spool',
    'log',
    'cursors',
    'owner',
    'lock-queue',
    'corrupt',
    'dead-letters',
    'spool/queue',
    'claims',
  ])
    assert.ok(byName.has(expected), `${expected} is not in ${[...byName.keys()]}`)
  for (const end of ['/cursors', '/run.json', '/run.json.new', '/log', '/corrupt', '/owner', '.segment'])
    assert.ok(
      [...byName.keys()].some((name) => name.startsWith('spool/') && name.endsWith(end)),
      end,
    )
  const trials = [...byName].flatMap(([name, openedBy]) =>
    Object.entries(plants).flatMap(([what, how]) => {
      const [first, ...rest] = openedBy
      const reading = rest.filter((one) => (one === 'ls' || one === 'export') && what === "a link to root's file")
      return [first, ...reading].flatMap((command) => (command === undefined ? [] : [{ name, what, how, command }]))
    }),
  )
  const before = treeOf(place.victim)
  const wrong: string[] = []
  const next = trials.values()
  const worker = async (number: number) => {
    for (const { name, what, how, command } of next) {
      const state = copyOf(place, `trial-${number}`)
      plant(state, name, how, place.victim)
      const output = await outputOf(t, state, command, { place })
      rmSync(state, { recursive: true })
      if (output.includes(secret)) wrong.push(`${command} with ${what} at ${name} reveals it: ${output}`)
      if (/HUNG|at .*\(.*:\d+:\d+\)/.test(output)) wrong.push(`${command} with ${what} at ${name}: ${output}`)
      if (treeOf(place.victim) !== before) wrong.push(`${command} with ${what} at ${name} changed the victim`)
      if (treeOf(place.victim) !== before) throw new Error(wrong.join('\n'))
    }
  }
  await Promise.all([1, 2, 3].map(worker))
  t.diagnostic(`${trials.length} trials at ${byName.size} names: ${[...byName.keys()].join(' ')}`)
  assert.deepEqual(wrong, [])
})

/** Replaces directories of the buffer by links and back until it is killed, as the hostile user. */
const swapper = `
const { renameSync, symlinkSync, unlinkSync } = require('node:fs')
const [state, target, ...names] = process.argv.slice(1)
const attempt = (work) => { try { work() } catch {} }
for (let i = 0; ; i++) for (const name of names) {
  attempt(() => renameSync(state + '/' + name, state + '/real-' + name))
  attempt(() => symlinkSync(target, state + '/' + name))
  attempt(() => unlinkSync(state + '/' + name))
  attempt(() => renameSync(state + '/real-' + name, state + '/' + name))
  if (i === 100) process.stdout.write('swapping\\n')
}`

test('directories that are replaced by links while root works are not followed', { timeout: 300_000 }, async (t) => {
  const place = await placeOf(t)
  if (place === undefined) return
  const before = treeOf(place.victim)
  for (const [command, names] of [
    ['once', ['spool']],
    ['drop', ['spool', 'log']],
    ['run', ['log', 'spool', 'corrupt']],
    ['exec', ['spool']],
  ] as const) {
    const state = copyOf(place, 'swapped')
    const child = spawn(process.execPath, ['-e', swapper, state, join(place.victim, 'own'), ...names], {
      ...{ uid: other, gid: other, stdio: ['ignore', 'pipe', 'inherit'] as const },
    })
    t.after(() => child.kill('SIGKILL'))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    for (let i = 0; i < 3; i++) assert.doesNotMatch(await outputOf(t, state, command, { place }), /HUNG|TOPSECRET/)
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    assert.equal(treeOf(place.victim), before, command)
  }
})
