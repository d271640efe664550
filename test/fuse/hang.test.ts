import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

/*
 * A FUSE file system that hangs, in a private mount namespace so that no other process on this host accesses it. It
 * disappears with its server and the agent.
 */
const missing = whatIsMissing()
const skip = process.env.CI === 'true' || missing === '' ? false : `no hung mount can be made: ${missing}`

let root = ''
const at = (name: string) => join(root, name)

before(async () => {
  if (skip) return
  root = await mkdtemp(join(tmpdir(), 'hang-'))
  for (const name of ['hung', 'good', 'proc', 'sys']) await mkdir(at(name))
  // the mounts of the agent replace those of process 1, which is not in the namespace
  await symlink('/proc/self', at('proc/1'))
  execFileSync('cc', ['-Wall', '-Werror', '-o', at('server'), join(import.meta.dirname, 'hang.c')])
})
after(() => rm(root, { recursive: true, force: true }))

/** Two mounts in a new namespace. One of them can hang. */
async function mounted(t: TestContext) {
  const server = spawn(at('server'), [at('hung'), at('good')], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => ended(server, 'SIGKILL'))
  for await (const line of createInterface(server.stdout)) if (line === 'mounted') break
  const inside = ['--mount', '--target', String(server.pid)]
  return { server, inside }
}

/** An agent with these mounts, and its samples of each mount. */
function agent(t: TestContext, inside: readonly string[]) {
  const child = spawn('nsenter', [...inside, process.execPath, join(import.meta.dirname, 'agent.ts'), at('proc')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => ended(child, 'SIGKILL'))
  const snapshots: string[][] = []
  createInterface(child.stdout).on('line', (line) => snapshots.push(JSON.parse(line)))
  const samplesOf = (name: string) => {
    const own = (snapshots.at(-1) ?? []).filter((line) => line.includes(`mountpoint="${at(name)}"`))
    const [, error] =
      own.map((line) => /^node_filesystem_device_error\{.*device_error="(.*?)".* [01]$/.exec(line)).find(Boolean) ?? []
    const size = own
      .find((line) => line.startsWith('node_filesystem_size_bytes'))
      ?.split(' ')
      .at(-1)
    return { error, size }
  }
  return {
    child,
    snapshots,
    samplesOf,
    /** Waits for the expected samples of the mount that can hang. */
    async says(expected: { error: string | undefined; size: string | undefined }) {
      for (let i = 0; i < 100; i++) {
        const [before, now] = [snapshots.length, samplesOf('hung')]
        if (before > 0 && now.error === expected.error && now.size === expected.size) return
        await sleep(50)
      }
      assert.deepEqual(samplesOf('hung'), expected)
    },
  }
}

const well = { error: '', size: '4.096e+06' }
const late = { error: 'mountpoint timeout', size: undefined }

test('a mount that hangs delays no other sample, is a device error after the timeout, and recovers when it responds', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { server, inside } = await mounted(t)
  const { snapshots, says, samplesOf } = agent(t, inside)
  await says(well)
  const start = snapshots.length
  server.kill('SIGUSR1')
  await says(late)
  for (const seen = snapshots.length; snapshots.length < seen + 6; ) await sleep(50) // collection continues
  for (const lines of snapshots.slice(start)) {
    assert.ok(lines.includes('node_scrape_collector_success{collector="filesystem"} 1'))
    assert.ok(lines.some((line) => line.startsWith('node_filesystem_size_bytes') && line.includes(at('good'))))
    assert.ok(lines.some((line) => line.startsWith('node_filesystem_size_bytes') && line.includes('mountpoint="/"')))
  }
  assert.deepEqual(samplesOf('hung'), late)
  server.kill('SIGUSR2')
  await says(well)
})

test('SIGTERM ends an agent beside a hung mount', { skip }, async (t) => {
  const { server, inside } = await mounted(t)
  server.kill('SIGUSR1')
  const { child, says } = agent(t, inside)
  await says(late)
  assert.deepEqual(await ended(child, 'SIGTERM'), [0, null])
})

test('SIGKILL ends an agent beside a hung mount', { skip }, async (t) => {
  const { server, inside } = await mounted(t)
  const { child, says } = agent(t, inside)
  await says(well)
  server.kill('SIGUSR1')
  await says(late)
  assert.deepEqual(await ended(child, 'SIGKILL'), [null, 'SIGKILL'])
})

test('a hung mount with a dead server is a device error with the error of the kernel, and disappears when it is unmounted', {
  skip,
}, async (t) => {
  const { server, inside } = await mounted(t)
  const { child, says } = agent(t, inside)
  await says(well)
  server.kill('SIGUSR1')
  await says(late)
  await ended(server, 'SIGKILL')
  await says({ error: 'transport endpoint is not connected', size: undefined })
  execFileSync('nsenter', ['--mount', '--target', String(child.pid), 'umount', '-l', at('hung')])
  await says({ error: undefined, size: undefined })
})

/** Ends a process, which must not wait for the mount. Returns its status and signal. */
async function ended(child: ChildProcess, signal: NodeJS.Signals) {
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
