import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { receiverAt } from '../../src/commands/receive.ts'
import { eventually, freePort, hostpush, program, ready, root, start, temporary } from '../support/servers.ts'

/* Commands of root in the buffer directory of an agent that runs as another user. */

const other = 65_534

/** An agent's directory, and a way to run commands as its user; undefined if that is not possible. */
function place(t: TestContext) {
  const source = join(root, 'src/cli.ts')
  const reaches = (path: string) => spawnSync('test', ['-r', path], { uid: other, gid: other }).status === 0
  if (process.getuid?.() !== 0) return t.skip('only root can be another user')
  if (program(t, 'setpriv') === undefined) return undefined
  const folder = temporary(t)
  const state = join(folder, 'state')
  mkdirSync(state)
  for (const path of [folder, state]) chownSync(path, other, other)
  if (![process.execPath, source, state].every(reaches))
    return t.skip(`user ${other} may not read the checkout, or the folder for temporary files`)
  const config = (url: string) => {
    const path = join(folder, 'config.json')
    writeFileSync(path, JSON.stringify({ instance: 'h', remote_write: [{ name: 'r', url }] }))
    return `--config.file=${path}`
  }
  const environment = { STATE_DIRECTORY: state }
  const asOther = (args: readonly string[]) => {
    const ids = [`--reuid=${other}`, `--regid=${other}`, '--clear-groups']
    return start(t, 'setpriv', [...ids, process.execPath, source, ...args], environment)
  }
  return { state, config, environment, asOther, asRoot: (args: readonly string[]) => hostpush(t, args, environment) }
}

const nowhere = async () => `http://127.0.0.1:${await freePort()}/api/v1/write`
const names = (state: string) => readdirSync(state, { recursive: true, encoding: 'utf8' })
const notOthers = (state: string) =>
  names(state).filter((name) => {
    const { uid, gid } = lstatSync(join(state, name))
    return uid !== other || gid !== other
  })

test("what root's commands leave in another user's directory is delivered by that user's agent", async (t) => {
  const here = place(t)
  if (here === undefined) return
  const { state, config, asOther, asRoot } = here
  const away = config(await nowhere())
  const command = asRoot(['once', away, '--timeout=1s'])
  assert.equal(await command.ended, 3, command.output())
  const exec = asRoot(['exec', '--job=killed', away, '--', 'sh', '-c', 'echo "pid $$"; exec sleep 60'])
  const count = (end: string) => names(state).filter((name) => name.endsWith(end)).length
  await exec.until(/^pid \d+$/m)
  await eventually(
    async () => [count('/owner'), count('.segment')].join(), // exec has one log for the host and one for the job
    (there) => there === '2,3',
  )
  exec.child.kill('SIGKILL')
  await exec.ended
  process.kill(Number(/^pid (\d+)$/m.exec(exec.output())?.[1]), 'SIGKILL') // it outlives exec
  assert.deepEqual(notOthers(state), [])

  const receiver = await receiverAt('127.0.0.1:0', () => {})
  t.after(() => receiver.close())
  const there = config(`${receiver.url}/api/v1/write`)
  const agent = asOther(['run', there, '--web.listen-address=127.0.0.1:0'])
  await eventually(
    async () => readdirSync(join(state, 'spool')),
    (left) => left.every((name) => name === 'queue'),
  )
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 0, agent.output())
  assert.match(agent.output(), /Samples of earlier commands delivered/)
})

test('an agent logs once, with a hint, that it may not read a spooled log', async (t) => {
  const here = place(t)
  if (here === undefined) return
  const { state, config, asOther } = here
  const left = join(state, 'spool/000001000000000-1-root')
  mkdirSync(left, { recursive: true, mode: 0o700 })
  chownSync(join(state, 'spool'), other, other)
  const agent = asOther(['run', config(await nowhere()), '--web.listen-address=127.0.0.1:0'])
  await agent.until(/Remote write failed, retrying/)
  const said = agent
    .output()
    .match(/Spool of another user is not readable.* hint="as root: chown -R 65534:65534 '.*\/state'"/g)
  assert.equal(said?.length, 1, agent.output())
})

test("root's commands run as the owner of the directory, with only the capabilities that they need", async (t) => {
  const here = place(t)
  if (here === undefined) return
  const { state, config, asRoot } = here
  const agent = asRoot(['run', config(await nowhere()), '--web.listen-address=127.0.0.1:0'])
  await agent.until(/Remote write failed, retrying/)
  const status = readFileSync(`/proc/${agent.child.pid}/status`, 'utf8')
  const value = (name: string) => new RegExp(`^${name}:\\s+(.*?)\\s*$`, 'm').exec(status)?.[1]
  const ids = `${other}\t${other}\t${other}\t${other}`
  assert.deepEqual([value('Uid'), value('Gid'), value('Groups')], [ids, ids, String(other)])
  const own = /^CapEff:\s+(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  // numbers of linux/capability.h
  const kept = [2, 10, 12, 19, 21, 38].reduce((mask, number) => mask | (1n << BigInt(number)), 0n)
  const expected = kept & BigInt(`0x${own}`)
  for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.equal(BigInt(`0x${value(name)}`), expected, name)
  assert.match(readFileSync(`/proc/${agent.child.pid}/limits`, 'utf8'), /^Max core file size +0 +0 /m)
  assert.deepEqual(notOthers(state), [])
})

test('the command of exec keeps the user and the capabilities of root', async (t) => {
  const here = place(t)
  if (here === undefined) return
  const { state, config, asRoot } = here
  const print = 'id -u; grep CapEff /proc/self/status; exit 7'
  const exec = asRoot(['exec', '--job=j', '--timeout=1s', config(await nowhere()), '--', 'sh', '-c', print])
  assert.equal(await exec.ended, 7, exec.output())
  const own = /^CapEff:.*$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[0]
  assert.ok(exec.output().startsWith(`0\n${own}\n`), exec.output())
  assert.match(exec.output(), /samples for .* not delivered, kept in the buffer/)
  assert.deepEqual(notOthers(state), [])
})

test('root without CAP_SETUID does not open the directory, and says so in one line', async (t) => {
  const here = place(t)
  if (here === undefined) return
  const { state, config, environment } = here
  const receiver = await receiverAt('127.0.0.1:0', () => {})
  t.after(() => receiver.close())
  const there = config(`${receiver.url}/api/v1/write`)
  const bound = ['--bounding-set=-setuid', process.execPath, join(root, 'src/cli.ts')]
  const run = async (...args: readonly string[]) => {
    const command = start(t, 'setpriv', [...bound, ...args, there], environment)
    return [await command.ended, command.output()] as const
  }
  const reason =
    /buffer: \S+\/state belongs to user 65534, and root needs CAP_SETUID to work there; run hostpush as that user/
  for (const [command, expected] of [
    [['once'], 0],
    [['buffer', 'ls'], 1],
    [['doctor'], 1],
  ] as const) {
    const [status, output] = await run(...command)
    assert.equal(status, expected, output)
    assert.equal(output.split('\n').filter((line) => reason.test(line)).length, 1, output)
  }
  assert.deepEqual(names(state), [])
})

test('sockets of systemd are passed on when the agent becomes the owner of the directory', async (t) => {
  const here = place(t)
  if (here === undefined) return
  const listening = createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  const { _handle: handle } = listening as unknown as { readonly _handle: { readonly fd: number } }
  const words = [
    process.execPath,
    join(root, 'src/cli.ts'),
    'run',
    '--web.systemd-socket',
    here.config(await nowhere()),
  ]
  const agent = spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', ...words], {
    env: { ...process.env, ...here.environment, LISTEN_FDS: '1' },
    stdio: ['ignore', 'ignore', 'ignore', handle.fd],
  })
  listening.close() // only the agent has the socket now
  t.after(() => agent.kill('SIGKILL'))
  await ready(`http://127.0.0.1:${port}/-/ready`)
  assert.match(readFileSync(`/proc/${agent.pid}/status`, 'utf8'), /^Uid:\t65534\t/m)
})

test('root without CAP_CHOWN leaves only files of the owner', async (t) => {
  const here = place(t)
  if (here === undefined) return
  const words = ['--bounding-set=-chown', process.execPath, join(root, 'src/cli.ts'), 'once', '--timeout=1s']
  const command = start(t, 'setpriv', [...words, here.config(await nowhere())], here.environment)
  assert.equal(await command.ended, 3, command.output())
  assert.ok(names(here.state).length > 5)
  assert.deepEqual(notOthers(here.state), [])
})

test("the user's doctor reports what root left in the directory, and links", async (t) => {
  const here = place(t)
  if (here === undefined) return
  const { state, config, asOther } = here
  mkdirSync(join(state, 'spool'), { mode: 0o700 })
  const told = async () => {
    const doctor = asOther(['doctor', config(await nowhere())])
    assert.equal(await doctor.ended, 1)
    return doctor.output()
  }
  assert.match(await told(), /spool belongs to user 0, this user cannot use it.*\n.*chown -R 65534:65534 '\S+\/state'/)
  rmdirSync(join(state, 'spool'))
  symlinkSync('/etc', join(state, 'spool'))
  assert.match(await told(), /spool is a symbolic link, which hostpush does not use.*\n.*rm \S+\/spool/)
})

test('a command does not wait in the queue for a process that it may not contact', async (t) => {
  const here = place(t)
  if (here === undefined) return
  const { state, config, asOther } = here
  const turn = join(state, 'spool/queue')
  mkdirSync(turn, { recursive: true })
  for (const path of [join(state, 'spool'), turn]) chownSync(path, other, other)
  const server = createServer().listen(join(turn, '1'))
  t.after(() => server.close())
  await once(server, 'listening')
  const receiver = await receiverAt('127.0.0.1:0', () => {})
  t.after(() => receiver.close())
  const command = asOther(['once', config(`${receiver.url}/api/v1/write`), '--timeout=20s'])
  assert.equal(await command.ended, 0, command.output())
})
