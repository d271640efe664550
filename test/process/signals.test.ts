import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { haveOneTerminal } from '../../src/process/signals.ts'
import { eventually, program, root, start, temporary } from '../support/servers.ts'

const cli = join(root, 'src/cli.ts')

/** A command under exec that prints each signal, and exits with 7 at SIGQUIT or at the end of its input. */
const listener = `
  for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGALRM', 'SIGIO', 'SIGCONT'])
    process.on(name, () => console.log('got ' + name))
  process.on('SIGQUIT', () => process.exit(7))
  process.stdin.resume().on('end', () => process.exit(7))
  console.log('listening as ' + process.pid)`
const listening = [process.execPath, '-e', listener]

const state = async (pid: number) => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]

const exec = (t: TestContext, ...words: readonly string[]) => started(t, [process.execPath, cli, 'exec', ...words])

function started(t: TestContext, [file = '', ...args]: readonly string[], detached = false) {
  const child = spawn(file, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'], detached })
  let text = ''
  child.stdout.on('data', (chunk) => (text += chunk))
  const ended = once(child, 'exit') as Promise<[code: number | null, signal: NodeJS.Signals | null]>
  t.after(async () => {
    const [, pid] = /listening as (\d+)/.exec(text) ?? []
    child.kill('SIGKILL')
    child.stdin.end()
    await ended
    if (pid !== undefined)
      await eventually(
        async () => isThere(Number(pid)),
        (there) => !there,
      )
  })
  const until = (pattern: RegExp) =>
    eventually(
      async () => text,
      (soFar) => pattern.test(soFar),
    )
  return { child, ended, until, text: () => text }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('every signal sent to exec reaches the command once', async (t) => {
  const { child, ended, until, text } = exec(t, '--', ...listening)
  await until(/listening/)
  const names = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGALRM', 'SIGIO'] as const
  for (const name of names) {
    child.kill(name)
    await until(new RegExp(`got ${name}\n`))
  }
  child.kill('SIGQUIT')
  assert.deepEqual(await ended, [7, null])
  assert.deepEqual(
    text().match(/SIG\w+/g),
    names.map((name) => name),
  )
})

/** A shell with job control, as in a terminal: it can continue stopped jobs. */
const job = ['bash', '-c', 'set -m; "$@" & echo "exec as $!"; wait -f $!', '-', process.execPath, cli, 'exec', '--']

test('SIGTSTP stops exec and the command, and SIGCONT continues both', async (t) => {
  const { ended, until, text } = started(t, [...job, ...listening])
  await until(/listening/)
  const [pid, command] = ['exec', 'listening'].map((who) => Number(new RegExp(`${who} as (\\d+)`).exec(text())?.[1]))
  const both = () => Promise.all([pid ?? 0, command ?? 0].map(state))
  for (let i = 0; i < 2; i++) {
    process.kill(pid ?? 0, 'SIGTSTP')
    await eventually(both, (states) => states.join('') === 'TT')
    process.kill(pid ?? 0, 'SIGCONT')
    await eventually(both, (states) => !states.includes('T'))
  }
  await until(/got SIGCONT.*got SIGCONT/s)
  process.kill(pid ?? 0, 'SIGQUIT')
  assert.deepEqual(await ended, [7, null])
})

test('in an orphaned process group SIGTSTP stops neither', async (t) => {
  const { child, ended, until, text } = started(t, [process.execPath, cli, 'exec', '--', ...listening], true)
  await until(/listening/)
  const command = Number(/listening as (\d+)/.exec(text())?.[1])
  for (let i = 0; i < 2; i++) child.kill('SIGTSTP')
  child.kill('SIGUSR1')
  await until(/got SIGUSR1/)
  assert.ok(!(await Promise.all([child.pid ?? 0, command].map(state))).includes('T'))
  child.kill('SIGQUIT')
  assert.deepEqual(await ended, [7, null])
})

test('a terminal interrupt reaches the command once, and exec returns its status', async (t) => {
  const script = program(t, 'script')
  if (script === undefined) return
  const file = join(temporary(t), 'listener.cjs')
  writeFileSync(file, listener)
  const command = `exec '${process.execPath}' '${cli}' exec -- '${process.execPath}' '${file}'`
  const child = spawn(script, ['-qefc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let text = ''
  child.stdout.on('data', (chunk) => (text += chunk))
  const until = (pattern: RegExp) =>
    eventually(
      async () => text,
      (soFar) => pattern.test(soFar),
    )
  await until(/listening as/)
  child.stdin.write('\x03')
  await until(/got SIGINT/)
  child.stdin.write('\x1c')
  assert.deepEqual(await ended, [7, null])
  assert.equal(text.match(/got SIGINT/g)?.length, 1)
})

test('the command ignores the signals that were ignored at the start, and they do not end exec', async (t) => {
  // the launcher's variable after nohup(1)
  const ignoring = start(t, process.execPath, [cli, 'exec', '--', 'sh', '-c', 'echo ready; exec sleep 9'], {
    HOSTPUSH_INHERITED: 'ignored=0000000000000001',
  })
  await ignoring.until(/ready/)
  ignoring.child.kill('SIGHUP')
  ignoring.child.kill('SIGTERM')
  assert.equal(await ignoring.ended, 143)
})

const stat = (state: string, group: number, foreground: number) =>
  `77 (a) b) ${state} 1 ${group} 5 34816 ${foreground} 4194304 0 0`

test('two processes share a terminal if both are in its foreground process group', () => {
  assert.equal(haveOneTerminal(stat('S', 70, 70), stat('S', 70, 70)), true)
  assert.equal(haveOneTerminal(stat('S', 70, 71), stat('S', 70, 71)), false)
  assert.equal(haveOneTerminal(stat('S', 70, 70), stat('S', 71, 70)), false)
  assert.equal(haveOneTerminal(stat('S', 70, -1), stat('S', 70, -1)), false)
  assert.equal(haveOneTerminal('', ''), false)
  assert.equal(haveOneTerminal(stat('S', 70, 70), ''), false)
})
