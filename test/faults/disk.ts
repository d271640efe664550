import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { LedgerEntry } from '../../src/demo-receiver/store.ts'
import type { Running } from '../support/servers.ts'
import { type Rig, rig } from './rig.ts'

/** Why disk errors cannot be injected on this host; empty if they can. */
export function whatIsMissing(): string {
  if (process.getuid?.() !== 0) return 'not root'
  try {
    accessSync('/dev/loop-control', constants.W_OK)
    for (const program of ['nsenter', 'mkfs.ext4']) execFileSync('sh', ['-c', `command -v ${program}`])
    execFileSync('unshare', ['--mount', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'none', '/mnt'])
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export interface Spoilt {
  readonly scene: Rig
  readonly agent: Running
  /** Runs a command in the mount namespace of the agent. */
  inside(command: string): void
}

/** An agent in a mount namespace with a private mount `disk`. The command `mount` creates it in `folder`. */
export async function onItsOwnDisk(t: TestContext, mount: (folder: string) => string): Promise<Spoilt> {
  const scene = await rig(t)
  const disk = join(scene.folder, 'disk')
  scene.configure({ buffer: { directory: join(disk, 'buffer'), min_free: '0' } })
  const script = `mkdir -p ${disk} && ${mount(scene.folder)} && exec "$@"`
  const agent = await scene.agent({
    hurryMs: 300,
    inside: ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh'],
  })
  return {
    scene,
    agent,
    inside: (command) => {
      execFileSync('nsenter', ['--mount', '--target', String(agent.child.pid), 'sh', '-ec', command], { stdio: 'pipe' })
    },
  }
}

/** The running numbers of the arrived snapshots: consecutive if one agent lost none. */
export function numbersIn(ledger: readonly LedgerEntry[]): readonly number[] {
  return ledger.filter(({ series }) => series.startsWith('fault_number')).map(({ value }) => value)
}

export const times = (text: string, pattern: RegExp): number => [...text.matchAll(new RegExp(pattern, 'g'))].length
