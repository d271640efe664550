import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { beforeProgram, type Flag, parseBeforeProgram } from '../../src/util/flags.ts'
import { startGateway } from '../pushgateway/gateway.ts'
import { eventually, freePort, hostpush, root, temporary } from '../support/servers.ts'

/** Runs a command under exec. */
async function exec(t: TestContext, flags: readonly string[], ...words: readonly string[]) {
  const running = hostpush(t, ['exec', ...flags, '--', ...words])
  return { status: await running.ended, output: running.output() }
}

/** What was pushed of a family, from all pushes, in their order. */
const pushed = (requests: readonly { readonly body: string }[], family: string) =>
  requests.flatMap(({ body }) =>
    [...body.matchAll(new RegExp(`^${family}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) => value),
  )

const isThere = (pid: number) => existsSync(`/proc/${pid}`)

test('a command that cannot be started is a failed run', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const { status, output } = await exec(t, [`--pushgateway=${url}`, '--job=a/b'], 'no-such-command')
  assert.equal(status, 127)
  assert.equal(output, 'hostpush: no-such-command: command not found\n')
  assert.deepEqual(pushed(requests, 'batch_job_exit_code'), ['127'])
  assert.deepEqual(pushed(requests, 'batch_job_success'), ['0'])
  assert.deepEqual(pushed(requests, 'batch_job_last_success_timestamp_seconds'), [])
  const { path, method } = requests.find(({ body }) => body.includes('batch_job_')) ?? {}
  assert.match(path ?? '', /\/job_name@base64\/YS9i$/)
  assert.equal(method, 'POST')
})

test('a command that fails immediately is pushed with the metrics of the host', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const { status, output } = await exec(t, [`--pushgateway=${url}`], 'false')
  assert.deepEqual([status, output], [1, ''])
  assert.deepEqual(pushed(requests, 'batch_job_exit_code'), ['1'])
  assert.match(requests.find(({ body }) => body.includes('batch_job_'))?.path ?? '', /\/job_name\/false$/)
  assert.ok(pushed(requests, 'node_load1').length > 0)
})

test('a command that leaves a background process ends with its exit status, and the process continues', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const file = join(temporary(t), 'pid')
  const leave = `setsid sh -c 'echo $$ >${file}; exec sleep 30' >/dev/null 2>&1 </dev/null & while ! [ -s ${file} ]; do sleep 0.05; done`
  const { status, output } = await exec(t, [`--pushgateway=${url}`], 'sh', '-c', leave)
  const pid = Number(readFileSync(file, 'utf8'))
  t.after(() => process.kill(pid, 'SIGKILL'))
  assert.deepEqual([status, output], [0, ''])
  assert.ok(isThere(pid))
  assert.deepEqual(pushed(requests, 'batch_job_success'), ['1'])
})

/** Ignores SIGTERM, starts a child that does too, and prints both pids. */
const deaf = 'trap "" TERM; sleep 30 & echo "deaf $$ $!"; wait'

test('exec waits for a command that ignores SIGTERM, and pushes while it runs', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const running = hostpush(t, ['exec', `--pushgateway=${url}`, '--interval=10s', 'sh', '-c', deaf])
  await running.until(/deaf \d+ \d+\n/)
  const [, command = 0, child = 0] = (/deaf (\d+) (\d+)/.exec(running.output()) ?? []).map(Number)
  await eventually(
    async () => pushed(requests, 'batch_job_duration_seconds').length,
    (pushes) => pushes === 1,
  )
  running.child.kill('SIGTERM')
  await eventually(
    async () => pushed(requests, 'batch_job_duration_seconds').length,
    (pushes) => pushes === 2,
  )
  assert.ok(isThere(command))
  assert.deepEqual(pushed(requests, 'batch_job_exit_code'), [])
  process.kill(command, 'SIGKILL') // before its child, at whose end it would end by itself
  process.kill(child, 'SIGKILL')
  assert.equal(await running.ended, 137)
  assert.deepEqual(pushed(requests, 'batch_job_exit_code'), ['137'])
})

test('with --kill-after exec kills a command that ignores SIGTERM, and its children', async (t) => {
  const running = hostpush(t, ['exec', '--kill-after=100ms', '--', 'sh', '-c', deaf])
  await running.until(/deaf \d+ \d+\n/)
  const [, command = 0, child = 0] = (/deaf (\d+) (\d+)/.exec(running.output()) ?? []).map(Number)
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 137)
  await eventually(
    async () => isThere(command) || isThere(child),
    (left) => !left,
  )
})

const broken: readonly (readonly [flags: readonly string[], message: RegExp])[] = [
  [[], /^hostpush: no destination: set --config\.file=FILE, .*\n$/],
  [['--config.file=/nowhere.json'], /^hostpush: \/nowhere.json: ENOENT[^\n]*\n$/],
  [
    ['--pushgateway=gateway:9091'],
    /^hostpush: --pushgateway: gateway:9091 is not a URL that begins with http[^\n]*\n$/,
  ],
  [['--pushgatewy=http://127.0.0.1:9'], /^hostpush: unknown flag --pushgatewy, did you mean --pushgateway\?\n$/],
  [['--interval=often', '--pushgateway=http://127.0.0.1:9'], /^hostpush: --interval: often is not a duration[^\n]*\n$/],
  [['--label=a', '--pushgateway=http://127.0.0.1:9'], /^hostpush: --label: a is not NAME=VALUE\n$/],
  [
    ['--label=job_name=a', '--pushgateway=http://127.0.0.1:9'],
    /^hostpush: --label: use --job for the name of the run\n$/,
  ],
  [['--job'], /^hostpush: flag --job requires a value: --job=VALUE\n$/],
]
for (const [flags, message] of broken) {
  test(`the command runs although the flags are wrong: ${flags.join(' ') || 'none'}`, async (t) => {
    const { status, output } = await exec(t, flags, 'sh', '-c', 'exit 3')
    assert.equal(status, 3)
    assert.match(output, message)
  })
}

test('an endpoint that refuses connections, and one that never responds, delay the end by at most the timeout', async (t) => {
  const { url } = await startGateway(t, () => 'hang')
  const away = `http://127.0.0.1:${await freePort()}`
  const both = [url, away].map((one) => exec(t, [`--pushgateway=${one}`, '--timeout=2s'], 'sh', '-c', 'exit 4'))
  for (const { status, output } of await Promise.all(both)) {
    assert.equal(status, 4)
    assert.match(
      output,
      /^hostpush: \d+ samples for http:\S+ not delivered, kept in the buffer for the agent or the next command: [^\n]*\n$/,
    )
  }
})

test('without a command the status is 2', async (t) => {
  for (const args of [['exec'], ['exec', '--job=a'], ['exec', '--job=a', '--'], ['exec', '--jbo', 'a', 'true']]) {
    const running = hostpush(t, args)
    assert.equal(await running.ended, 2)
  }
})

test('pipes are unchanged: a reader that closes early ends the command as it would without exec', async () => {
  const line = `'${process.execPath}' '${join(root, 'src/cli.ts')}' exec -- yes`
  const shell = spawn('sh', ['-c', `{ ${line} 2>/dev/null; echo "status $?" >&2; } | head -n 1`])
  let text = ''
  for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (chunk) => (text += chunk))
  await once(shell, 'close')
  assert.equal(text, 'y\nstatus 141\n')
})

test('exec does not push the host if an agent runs there, unless --instance is set', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const state = temporary(t)
  const file = join(state, 'config.json')
  const global = { scrape_interval: '1h' } // the agent pushes once, at its start
  const shape = { instance: 'h', global, pushgateway: [{ url }], buffer: { directory: state } }
  writeFileSync(file, JSON.stringify(shape))
  const agent = hostpush(t, ['run', `--config.file=${file}`, '--web.listen-address='])
  await agent.until(/Agent running/)
  await eventually(
    async () => requests.length,
    (count) => count > 0,
  )
  const before = requests.length
  const paths = () => requests.slice(before).map(({ path }) => path)
  assert.equal((await exec(t, [`--config.file=${file}`], 'true')).status, 0)
  assert.deepEqual(paths(), ['/metrics/job/node/instance/h/job_name/true'])
  assert.equal((await exec(t, [`--config.file=${file}`, '--instance=i'], 'true')).status, 0)
  assert.deepEqual(paths().slice(1).sort(), [
    '/metrics/job/node/instance/i',
    '/metrics/job/node/instance/i/job_name/true',
  ])
})

const flags: readonly Flag[] = [
  { name: 'job', kind: 'value', help: '' },
  { name: 'quiet', kind: 'switch', help: '' },
]
const cuts: readonly (readonly [args: string, own: string, program: string])[] = [
  ['--job=a -- ls -l', '--job=a', 'ls -l'],
  ['--job a ls --job b', '--job a', 'ls --job b'],
  ['--quiet ls -- -l', '--quiet', 'ls -- -l'],
  ['--no-quiet --job x -- --help', '--no-quiet --job x', '--help'],
  ['--unknown x -- ls', '--unknown x', 'ls'],
  ['--unknown x', '--unknown x', ''],
  ['-- -- a', '', '-- a'],
  ['--job -- ls', '--job', 'ls'],
  ['ls', '', 'ls'],
  ['', '', ''],
]
for (const [args, own, program] of cuts) {
  test(`arguments ${args || '(none)'} are split before ${program || 'their end'}`, () => {
    const words = (text: string) => text.split(' ').filter(Boolean)
    assert.deepEqual(beforeProgram(words(args), flags), { own: words(own), program: words(program) })
  })
}

test('a usage error is returned if a program follows, and thrown if none does', () => {
  const parsed = parseBeforeProgram(['--jbo', 'x', '--', 'ls'], flags)
  assert.deepEqual(parsed.operands, ['ls'])
  assert.match(parsed.usageError?.message ?? '', /unknown flag --jbo/)
  assert.throws(() => parseBeforeProgram(['--jbo', 'x'], flags), /unknown flag --jbo/)
})
