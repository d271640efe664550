import { execFileSync, spawn } from 'node:child_process'
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { collectors } from '../../src/collectors/index.ts'
import { compare, isKnown } from '../compare.ts'
import { asUser, judge, known, moving, passing, type Setting } from '../judge.ts'
import { startPeer } from '../peer.ts'
import { type OddHost, plant } from './host.ts'
import { makeNetwork, network, seenBy } from './network.ts'
import { beyond, report } from './verdict.ts'

/** Why a host cannot be made on this machine. */
export class NotHere extends Error {}

/** Of the programs and this moment, not of the host. */
const leftOut =
  /^(go_|process_|promhttp_|node_exporter_build_info|node_scrape_collector_duration_seconds|node_textfile_mtime_seconds)/

const trees = (at: (name: string) => string): string[] => [
  `--path.procfs=${at('proc')}`,
  `--path.sysfs=${at('sys')}`,
  `--path.rootfs=${at('.')}`,
  `--path.udev.data=${at('udev')}`,
]

/** A directory of its own, for as long as it is used. */
function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-odd-'))
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

/** A host that is a tree of files. */
export async function ofTree(program: string, host: OddHost): Promise<boolean> {
  using made = scratch()
  const cwd = join(made.folder, 'host')
  for (const tree of ['proc', 'sys', 'udev']) mkdirSync(join(cwd, tree), { recursive: true })
  plant(cwd, host.tree)
  for (const path of host.refused ?? []) chmodSync(join(cwd, path), 0)
  using mounts = host.broken === undefined ? undefined : await broken(made.folder, cwd, host.broken)
  const user = host.user === undefined ? undefined : byUser(host.user, program, made.folder)
  const setting: Setting = {
    name: host.name,
    // A path is found among the mounts of a namespace only if it begins at the root.
    flags: [...trees((name) => (mounts === undefined ? name : join(cwd, name))), ...host.flags],
    cwd,
    within: [...(mounts?.within ?? []), ...(user?.within ?? [])],
    leftOut,
    moving: /^node_filesystem_(avail|free|files_free)/,
  }
  using peer = await startPeer(user?.program ?? program, setting.flags, setting)
  const verdict = await judge(peer, setting)
  const more = host.beyond === undefined ? undefined : beyond(host.tree, host.beyond, setting, verdict.peer)
  return report(host.name, verdict, more)
}

function byUser(user: string, program: string, folder: string) {
  if (process.getuid?.() !== 0) throw new NotHere('only root can become another user')
  return asUser(user, program, folder)
}

/** A mount namespace in which files are covered by those of a FUSE server, which answers reading with an error. */
async function broken(folder: string, cwd: string, files: Readonly<Record<string, number>>) {
  const [server, other, errors] = ['server', 'other', 'errors'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const source = fileURLToPath(new URL('../../test/fuse/hang.c', import.meta.url))
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
    execFileSync('cc', ['-o', server, source], { stdio: 'ignore' })
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' })
  } catch (error) {
    throw new NotHere(`no FUSE server can be run: ${error instanceof Error ? error.message : error}`)
  }
  for (const directory of [other, errors]) mkdirSync(directory)
  const child = spawn(server, [other, errors], { stdio: ['ignore', 'pipe', 'ignore'] })
  for await (const line of createInterface(child.stdout)) if (line === 'mounted') break
  const within = ['nsenter', '--mount', '--target', String(child.pid), '--']
  for (const [file, number] of Object.entries(files))
    execFileSync('nsenter', [...within.slice(1), 'mount', '--bind', join(errors, String(number)), join(cwd, file)])
  return { within, [Symbol.dispose]: () => child.kill('SIGKILL') }
}

/** This machine with every collector, where others' processes are hidden: mount options of proc(5). */
export async function hidden(program: string, name: string, hidepid: string, user: string): Promise<boolean> {
  using made = scratch()
  const { program: its, within: as } = byUser(user, program, made.folder)
  const mount = `mount -t proc -o hidepid=${hidepid} proc /proc && exec "$@"`
  const within = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mount, 'sh', ...as]
  const flags = collectors.filter((one) => one.name !== 'perf').map((one) => `--collector.${one.name}`)
  const setting: Setting = {
    name,
    flags,
    cwd: '/',
    within,
    leftOut: new RegExp(`${leftOut.source}|${passing.source}`),
    moving,
  }
  using peer = await startPeer(its, flags, setting)
  return report(name, await judge(peer, setting))
}

/** A machine with a network of its own. */
export async function ofNetwork(program: string, name: string, flags: readonly string[]): Promise<boolean> {
  let made: ReturnType<typeof makeNetwork>
  try {
    made = makeNetwork(network)
  } catch (error) {
    throw new NotHere(`no network namespaces: ${error instanceof Error ? error.message : error}`)
  }
  try {
    const { peer, ours } = seenBy(made.name, program, flags)
    const isSeen = (family: string) => !leftOut.test(family)
    const differences = compare(peer, ours, (family) => moving.test(family)).filter(({ family }) => isSeen(family))
    return report(name, {
      peer: new Map([...peer.before].filter(([family]) => isSeen(family))),
      known: differences.filter((one) => isKnown(one, known)),
      unknown: differences.filter((one) => !isKnown(one, known)),
    })
  } finally {
    made[Symbol.dispose]()
  }
}
