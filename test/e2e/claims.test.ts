import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { claimForUser, claimIn } from '../../src/buffer/lock/claim.ts'
import { receiverAt } from '../../src/commands/receive.ts'
import { eventually, freePort, hostpush, root, start, temporary } from '../support/servers.ts'

/* Claims of `exec` and modes of sockets: what other users of the host cannot take or reach. */

const nowhere = async () => `http://127.0.0.1:${await freePort()}/api/v1/write`

const claimsIn = (state: string): readonly string[] =>
  existsSync(join(state, 'claims')) ? readdirSync(join(state, 'claims')) : []

function place(t: TestContext, url: string) {
  const folder = temporary(t)
  const state = join(folder, 'state')
  const path = join(folder, 'config.json')
  writeFileSync(path, JSON.stringify({ instance: 'h', remote_write: [{ name: 'r', url }] }))
  return { state, config: `--config.file=${path}`, environment: { STATE_DIRECTORY: state } }
}

test('a name is held by one process, and is free again after its release or its death', async (t) => {
  const directory = join(temporary(t), 'buffer')
  for (const claim of [
    (name: string) => claimIn(directory, name),
    (name: string) => claimForUser(`${process.pid}-${name}`),
  ]) {
    const first = await claim('a')
    assert.ok('release' in first)
    assert.deepEqual(await claim('a'), { pid: process.pid })
    await first.release()
    const second = await claim('a')
    assert.ok('release' in second)
    await second.release()
  }
  const code = `import { claimIn } from '${join(root, 'src/buffer/lock/claim.ts')}'
await claimIn(process.argv[1], 'a')
console.log('held')
setInterval(() => {}, 1000)`
  const holder = start(t, process.execPath, ['--input-type=module', '-e', code, directory])
  await holder.until(/held/)
  assert.deepEqual(await claimIn(directory, 'a'), { pid: holder.child.pid })
  holder.child.kill('SIGKILL')
  await holder.ended
  const racers = await Promise.all(Array.from({ length: 8 }, () => claimIn(directory, 'a')))
  const won = racers.filter((one) => 'release' in one)
  assert.equal(won.length, 1)
  for (const one of won) await one.release()
})

/** Names of a process's abstract sockets, unix(7). */
function abstractNamesOf(pid: number): readonly string[] {
  const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
  const inodes = new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []))
  const rows = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => line.split(/ +/))
  return rows.flatMap(([, , , , , , inode = '', name = '']) =>
    inodes.has(inode) && name.startsWith('@') ? [name] : [],
  )
}

test('no abstract socket is used: other users cannot take the names of claims', async (t) => {
  const { state, config, environment } = place(t, await nowhere())
  const exec = hostpush(t, ['exec', '--job=j', '--timeout=300ms', config, '--', 'sleep', '60'], environment)
  const claims = () => claimsIn(state).filter((name) => /^(host|job-0)-[0-9a-f]+$/.test(name))
  await eventually(
    async () => claims().length,
    (count) => count === 2,
  )
  assert.deepEqual(abstractNamesOf(Number(exec.child.pid)), [])
  for (const name of claims()) assert.equal(lstatSync(join(state, 'claims', name)).mode & 0o777, 0o600)
  exec.child.kill('SIGTERM')
  await exec.ended
})

test('exec logs that another process pushes the host metrics, with its pid', async (t) => {
  const receiver = await receiverAt('127.0.0.1:0', () => {})
  t.after(() => receiver.close())
  const { config, environment, state } = place(t, `${receiver.url}/api/v1/write`)
  const first = hostpush(t, ['exec', '--job=a', config, '--', 'sleep', '60'], environment)
  await eventually(
    async () => claimsIn(state).some((name) => name.startsWith('host-')),
    (isThere) => isThere,
  )
  const second = hostpush(t, ['exec', '--job=b', '--log.level=info', config, '--', 'sleep', '1'], environment)
  assert.equal(await second.ended, 0, second.output())
  const lines = second
    .output()
    .match(new RegExp(`Host metrics are already pushed by another process.* pid=${first.child.pid}`, 'g'))
  assert.equal(lines?.length, 1, second.output())
})

test('sockets are for this user only with umask 0 in a directory that everybody may search', async (t) => {
  const { state, config, environment } = place(t, await nowhere())
  mkdirSync(state, { mode: 0o755 })
  const words = [process.execPath, join(root, 'src/cli.ts'), 'run', '--web.listen-address=', config]
  const agent = start(t, 'sh', ['-c', 'umask 0; exec "$@"', 'sh', ...words], environment)
  await agent.until(/Remote write failed, retrying/)
  assert.equal(lstatSync(join(state, 'owner')).mode & 0o777, 0o600)
  for (const name of readdirSync(state, { recursive: true, encoding: 'utf8' }))
    assert.equal(lstatSync(join(state, name)).mode & 0o077, 0, name)
  agent.child.kill('SIGTERM')
  await agent.ended
})

test('the command of exec inherits the umask of the caller', async (t) => {
  const { config, environment } = place(t, await nowhere())
  const words = [
    process.execPath,
    join(root, 'src/cli.ts'),
    'exec',
    '--timeout=300ms',
    config,
    '--',
    'sh',
    '-c',
    'umask',
  ]
  const exec = start(t, 'sh', ['-c', 'umask 027; exec "$@"', 'sh', ...words], environment)
  assert.equal(await exec.ended, 0)
  assert.match(exec.output(), /^0?027$/m)
})

test('a directory for claims that another user could change is not used', async (t) => {
  const server = createServer()
  t.after(() => server.close())
  const folder = temporary(t)
  mkdirSync(join(folder, `hostpush-${process.geteuid?.()}`), { mode: 0o777 })
  const code = `import { claimForUser } from '${join(root, 'src/buffer/lock/claim.ts')}'
await claimForUser('a').catch((error) => console.log(error.message))`
  const run = start(
    t,
    'sh',
    [
      '-c',
      'umask 0; chmod 777 "$TMPDIR"/hostpush-*; exec "$@"',
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      code,
    ],
    { TMPDIR: folder },
  )
  await run.ended
  assert.match(run.output(), /can be changed by another user/)
})
