import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

/*
 * A FUSE file system that hangs, in a private mount namespace so that no other process on this host accesses it. It
 * disappears with its server and the agent.
 */
const missing = whatIsMissing()
export const skip = process.env.CI === 'true' || missing === '' ? false : `no hung mount can be made: ${missing}`

/** A new directory with the server and the two mount points `hung` and `good`. */
export async function buildServer(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'hang-'))
  for (const name of ['hung', 'good']) await mkdir(join(root, name))
  execFileSync('cc', ['-Wall', '-Werror', '-o', join(root, 'server'), join(import.meta.dirname, 'hang.c')])
  return root
}

export const removeServer = (root: string) => rm(root, { recursive: true, force: true })

/** Two mounts in a new namespace. One of them can hang. `inside`: arguments of nsenter. */
export async function mounted(t: TestContext, root: string) {
  const server = spawn(join(root, 'server'), [join(root, 'hung'), join(root, 'good')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => ended(server, 'SIGKILL'))
  for await (const line of createInterface(server.stdout)) if (line === 'mounted') break
  const inside = ['--mount', '--target', String(server.pid)]
  return { server, inside }
}

/** Ends a process, which must not wait for the mount. Returns its status and signal. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals) {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    const late = sleep(10_000, 'late', { ref: false })
    assert.notEqual(await Promise.race([exit, late]), 'late', `${signal} did not end the process within ten seconds`)
  }
  return [child.exitCode, child.signalCode]
}

function whatIsMissing(): string {
  if (process.getuid?.() !== 0) return 'not root'
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
    execFileSync('cc', ['--version'], { stdio: 'ignore' })
    execFileSync('nsenter', ['--version'], { stdio: 'ignore' })
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' })
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
