import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Dir } from '../../src/host/fs/dir.ts'
import { Orphans } from '../../src/process/orphans.ts'
import { root, start, temporary } from '../support/servers.ts'
import { textFiles } from '../support/tree.ts'

/** Six processes whose parents end at once, then the number of zombies among all processes. */
const script =
  'for i in 1 2 3 4 5 6; do (sleep 0.1 &); done; sleep 3; cat /proc/[0-9]*/stat 2>/dev/null | grep -c ") Z " ; exit 7'

const needsRoot = { skip: process.getuid?.() === 0 ? false : 'needs root for a PID namespace' }

test('exec as the first process of a PID namespace leaves no zombies', needsRoot, async (t) => {
  const exec = [process.execPath, join(root, 'src/cli.ts'), 'exec', '--pushgateway=http://127.0.0.1:1', '--timeout=1s']
  const namespace = ['--mount', '--pid', '--fork', '--mount-proc']
  const running = start(t, 'unshare', [...namespace, ...exec, '--', 'sh', '-c', script], {
    STATE_DIRECTORY: temporary(t),
  })
  assert.equal(await running.ended, 7)
  assert.match(running.output(), /^0\n/)
})

describe('orphans', () => {
  /** Reaps once for each list of children with their states. */
  async function reaped(...states: readonly Readonly<Record<string, string>>[]) {
    const now: Record<string, string> = {}
    const pids: number[] = []
    const orphans = new Orphans(new Dir(textFiles(now), ''), async () => (pid) => {
      pids.push(pid)
    })
    for (const state of states) {
      for (const path of Object.keys(now)) delete now[path]
      now['self/task/1/children'] = Object.keys(state).join(' ')
      for (const [pid, letter] of Object.entries(state)) now[`${pid}/stat`] = `${pid} (a) ${letter} 1 1 1 0 -1\n`
      await orphans.reap()
    }
    return pids
  }

  test('are reaped when they were zombies twice: Node waits for its own children in between', async () => {
    assert.deepEqual(await reaped({ 5: 'Z' }), [])
    assert.deepEqual(await reaped({ 5: 'Z', 6: 'S' }, { 5: 'Z', 6: 'Z', 7: 'Z' }, { 6: 'S', 7: 'Z' }), [5, 7])
  })

  test('stay if system calls are not available', async () => {
    const files = { 'self/task/1/children': '5', '5/stat': '5 (a) Z 1 1 1 0 -1\n' }
    const orphans = new Orphans(new Dir(textFiles(files), ''), () => Promise.reject(new Error('no koffi')))
    for (let i = 0; i < 3; i++) await orphans.reap()
  })
})
