import { execFileSync, spawn } from 'node:child_process'
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { collectors } from '../../src/collectors/index.ts'
import { compare, isListed } from '../compare.ts'
import { asUser, type ComparisonSetup, comparePrograms, listed, momentary, moving } from '../compare-programs.ts'
import { startPeer } from '../peer.ts'
import { type OddHost, writeTree } from './host.ts'
import { makeNetwork, network, readBoth } from './network.ts'
import { compareExtra, report } from './report.ts'

/** The reason why this machine cannot create a host. */
export class NotSupported extends Error {}

/** Families of the programs and of the moment, not of the host. */
const ignored =
  /^(go_|process_|promhttp_|node_exporter_build_info|node_scrape_collector_duration_seconds|node_textfile_mtime_seconds)/

const trees = (at: (name: string) => string): string[] => [
  `--path.procfs=${at('proc')}`,
  `--path.sysfs=${at('sys')}`,
  `--path.rootfs=${at('.')}`,
  `--path.udev.data=${at('udev')}`,
]

/** A temporary directory, removed at disposal. */
function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-odd-'))
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Compares on a host that is a tree of files. */
export async function compareTree(program: string, host: OddHost): Promise<boolean> {
  using made = temporaryFolder()
  const cwd = join(made.folder, 'host')
  for (const tree of ['proc', 'sys', 'udev']) mkdirSync(join(cwd, tree), { recursive: true })
  writeTree(cwd, host.tree)
  for (const path of host.unreadable ?? []) chmodSync(join(cwd, path), 0)
  using mounts = host.readErrors === undefined ? undefined : await mountReadErrors(made.folder, cwd, host.readErrors)
  const user = host.user === undefined ? undefined : byUser(host.user, program, made.folder)
  const setting: ComparisonSetup = {
    name: host.name,
    // A namespace resolves the bind mounts only for absolute paths.
    flags: [...trees((name) => (mounts === undefined ? name : join(cwd, name))), ...host.flags],
    cwd,
    within: [...(mounts?.within ?? []), ...(user?.within ?? [])],
    ignored,
    moving: /^node_filesystem_(avail|free|files_free)/,
  }
  using peer = await startPeer(user?.program ?? program, setting.flags, setting)
  const verdict = await comparePrograms(peer, setting)
  const more = host.extraTree === undefined ? undefined : compareExtra(host.tree, host.extraTree, setting, verdict.peer)
  return report(host.name, verdict, more)
}

function byUser(user: string, program: string, folder: string) {
  if (process.getuid?.() !== 0) throw new NotSupported('only root can become another user')
  return asUser(user, program, folder)
}

/** A mount namespace in which reads of these files fail: a FUSE server covers them. */
async function mountReadErrors(folder: string, cwd: string, files: Readonly<Record<string, number>>) {
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
    throw new NotSupported(`cannot run a FUSE server: ${error instanceof Error ? error.message : error}`)
  }
  for (const directory of [other, errors]) mkdirSync(directory)
  const child = spawn(server, [other, errors], { stdio: ['ignore', 'pipe', 'ignore'] })
  for await (const line of createInterface(child.stdout)) if (line === 'mounted') break
  const within = ['nsenter', '--mount', '--target', String(child.pid), '--']
  for (const [file, number] of Object.entries(files))
    execFileSync('nsenter', [...within.slice(1), 'mount', '--bind', join(errors, String(number)), join(cwd, file)])
  return { within, [Symbol.dispose]: () => child.kill('SIGKILL') }
}

/** Compares on this machine with every collector and the processes of other users hidden: hidepid of proc(5). */
export async function compareHidepid(program: string, name: string, hidepid: string, user: string): Promise<boolean> {
  using made = temporaryFolder()
  const { program: its, within: as } = byUser(user, program, made.folder)
  const mount = `mount -t proc -o hidepid=${hidepid} proc /proc && exec "$@"`
  const within = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mount, 'sh', ...as]
  const flags = collectors.filter((one) => one.name !== 'perf').map((one) => `--collector.${one.name}`)
  const setting: ComparisonSetup = {
    name,
    flags,
    cwd: '/',
    within,
    ignored: new RegExp(`${ignored.source}|${momentary.source}`),
    moving,
  }
  using peer = await startPeer(its, flags, setting)
  return report(name, await comparePrograms(peer, setting))
}

/** Compares in a new network namespace. */
export async function compareNetwork(program: string, name: string, flags: readonly string[]): Promise<boolean> {
  let made: ReturnType<typeof makeNetwork>
  try {
    made = makeNetwork(network)
  } catch (error) {
    throw new NotSupported(`no network namespaces: ${error instanceof Error ? error.message : error}`)
  }
  try {
    const { peer, ours } = readBoth(made.name, program, flags)
    const isCompared = (family: string) => !ignored.test(family)
    const differences = compare(peer, ours, (family) => moving.test(family)).filter(({ family }) => isCompared(family))
    return report(name, {
      peer: new Map([...peer.before].filter(([family]) => isCompared(family))),
      listed: differences.filter((one) => isListed(one, listed)),
      unlisted: differences.filter((one) => !isListed(one, listed)),
    })
  } finally {
    made[Symbol.dispose]()
  }
}
