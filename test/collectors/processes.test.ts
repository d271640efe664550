import assert from 'node:assert/strict'
import { test } from 'node:test'
import processes from '../../src/collectors/processes.ts'
import { collect, collectAll } from '../support/collect.ts'

const stat = (name: string, state: string, threads = 1) =>
  `10 (${name}) ${state} 0 1 1 0 -1 4194560 2 3 4 5 6 7 8 9 20 0 ${threads} 0 5 0 0 18446744073709551615\n`
const limits = { 'sys/kernel/threads-max': '7801\n', 'sys/kernel/pid_max': '32768\n' }

test('it counts processes and threads by state', async () => {
  const proc = {
    ...limits,
    '10/stat': stat('a) R (b', 'S', 3),
    '10/task/10/stat': stat('a) R (b', 'S', 3),
    '10/task/11/stat': stat('a', 'R'),
    '12/stat': stat('zombie', 'Z'),
    'self/stat': stat('a', 'R'),
    '12x/stat': stat('a', 'R'),
  }
  assert.deepEqual(await collect(processes, { proc }), [
    'node_processes_max_processes 32768',
    'node_processes_max_threads 7801',
    'node_processes_pids 2',
    'node_processes_state{state="S"} 1',
    'node_processes_state{state="Z"} 1',
    'node_processes_threads 4',
    'node_processes_threads_state{thread_state="R"} 1',
    'node_processes_threads_state{thread_state="S"} 1',
  ])
})

test('processes that ended, are hidden or cannot be parsed are left out', async () => {
  const proc = {
    ...limits,
    '1/stat': { error: 'ESRCH' },
    '2/stat': { error: 'EACCES' },
    '3/x': '',
    '4/stat': '4 (a) S 1',
    '5/stat': 'x',
  }
  const { lines, success } = await collectAll(processes, { proc })
  assert.equal(success, true)
  assert.ok(lines.includes('node_processes_pids 0') && lines.includes('node_processes_threads 0'))
})

test('without the limits it fails after the counts', async () => {
  const { lines, logged } = await collectAll(processes, { proc: { '1/stat': stat('init', 'S') } })
  assert.ok(lines.includes('node_processes_threads 1'))
  assert.match(String(logged), /failed.*threads-max is missing/)
})
