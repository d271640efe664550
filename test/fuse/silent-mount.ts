import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Running, root, start, temporary } from '../support/servers.ts'
import { ended } from './server.ts'

/** A directory that can hang, for the processes in its mount namespace. */
export interface SilentMount {
  hang(): Promise<void>
  recover(): Promise<void>
  /** Runs hostpush from its source in the namespace. */
  hostpush(args: readonly string[]): Running
}

export async function silentMount(t: TestContext, directory: string): Promise<SilentMount> {
  const program = join(temporary(t), 'silent')
  execFileSync('cc', ['-Wall', '-Werror', '-o', program, join(import.meta.dirname, 'silent.c')])
  const server = spawn(program, [directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said: string[] = []
  createInterface(server.stdout).on('line', (line) => said.push(line))
  t.after(() => ended(server, 'SIGKILL'))
  const until = async (word: string) => {
    for (let i = 0; said.at(-1) !== word; i++) {
      if (i > 500) throw new Error(`the server did not say ${word}: ${said.join(' ')}`)
      await sleep(10)
    }
  }
  await until('ready')
  const inside = ['--mount', '--target', String(server.pid), process.execPath, join(root, 'src/cli.ts')]
  return {
    async hang() {
      server.kill('SIGUSR1')
      await until('mounted')
    },
    async recover() {
      server.kill('SIGUSR2')
      await until('removed')
    },
    hostpush: (args) => start(t, 'nsenter', [...inside, ...args]),
  }
}
