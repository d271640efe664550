import assert from 'node:assert/strict'
import { test } from 'node:test'
import stat from '../../src/collectors/stat.ts'
import { collect, collectAll } from '../support/collect.ts'

const text =
  'cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 8885917 17 0 0 1\nctxt 38014093\nbtime 1418183276\n' +
  'processes 26442\nprocs_running 2\nprocs_blocked 1\nsoftirq 5057579 250191 1481983 1647 211099 186066 0 1783454 622196 12499 508444\n'

test('it reports the totals of the system', async () => {
  assert.deepEqual(await collect(stat, { proc: { stat: text } }), [
    'node_boot_time_seconds 1.418183276e+09',
    'node_context_switches_total 3.8014093e+07',
    'node_forks_total 26442',
    'node_intr_total 8.885917e+06',
    'node_procs_blocked 1',
    'node_procs_running 2',
  ])
})

test('softirqs by vector are reported only if the option is set', async () => {
  const lines = await collect(stat, { proc: { stat: text }, options: { softirq: true } })
  assert.deepEqual(
    lines.filter((line) => line.includes('softirqs')),
    [
      'node_softirqs_total{vector="block"} 186066',
      'node_softirqs_total{vector="block_iopoll"} 0',
      'node_softirqs_total{vector="hi"} 250191',
      'node_softirqs_total{vector="hrtimer"} 12499',
      'node_softirqs_total{vector="net_rx"} 211099',
      'node_softirqs_total{vector="net_tx"} 1647',
      'node_softirqs_total{vector="rcu"} 508444',
      'node_softirqs_total{vector="sched"} 622196',
      'node_softirqs_total{vector="tasklet"} 1.783454e+06',
      'node_softirqs_total{vector="timer"} 1.481983e+06',
    ],
  )
})

test('a missing line is absent, not 0, and unknown lines are ignored', async () => {
  const proc = { stat: 'ctxt 5\nfuture x 2 3\npage\nsoftirq 3 1 2\nintr 7' }
  assert.deepEqual(await collect(stat, { proc, options: { softirq: true } }), [
    'node_context_switches_total 5',
    'node_intr_total 7',
    'node_softirqs_total{vector="hi"} 1',
    'node_softirqs_total{vector="timer"} 2',
  ])
})

test('a missing or invalid file is a failure', async () => {
  assert.match(String((await collectAll(stat, {})).logged), /failed.*ENOENT/)
  assert.match(String((await collectAll(stat, { proc: { stat: 'intr \nctxt abc\n' } })).logged), /is not a number/)
})
