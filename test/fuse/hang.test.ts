import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildServer, ended, mounted, removeServer, skip } from './server.ts'

let root = ''
const at = (name: string) => join(root, name)

before(async () => {
  if (skip) return
  root = await buildServer()
  for (const name of ['proc', 'sys']) await mkdir(at(name))
  // the mounts of the agent replace those of process 1, which is not in the namespace
  await symlink('/proc/self', at('proc/1'))
})
after(() => removeServer(root))

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
  const { server, inside } = await mounted(t, root)
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
  const { server, inside } = await mounted(t, root)
  server.kill('SIGUSR1')
  const { child, says } = agent(t, inside)
  await says(late)
  assert.deepEqual(await ended(child, 'SIGTERM'), [0, null])
})

test('SIGKILL ends an agent beside a hung mount', { skip }, async (t) => {
  const { server, inside } = await mounted(t, root)
  const { child, says } = agent(t, inside)
  await says(well)
  server.kill('SIGUSR1')
  await says(late)
  assert.deepEqual(await ended(child, 'SIGKILL'), [null, 'SIGKILL'])
})

test('a hung mount with a dead server is a device error with the error of the kernel, and disappears when it is unmounted', {
  skip,
}, async (t) => {
  const { server, inside } = await mounted(t, root)
  const { child, says } = agent(t, inside)
  await says(well)
  server.kill('SIGUSR1')
  await says(late)
  await ended(server, 'SIGKILL')
  await says({ error: 'transport endpoint is not connected', size: undefined })
  execFileSync('nsenter', ['--mount', '--target', String(child.pid), 'umount', '-l', at('hung')])
  await says({ error: undefined, size: undefined })
})
