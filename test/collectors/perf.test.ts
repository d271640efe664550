import assert from 'node:assert/strict'
import { test } from 'node:test'
import perf from '../../src/collectors/perf.ts'
import { type Event, NotPermitted } from '../../src/host/syscall/perf.ts'
import { collect, collectAll } from '../support/collect.ts'

const sys = { 'devices/system/cpu/online': '0-1\n', 'kernel/tracing/events/sched/sched_switch/id': '372\n' }

/** A kernel with these events; the value of a counter encodes the request. */
const counting = (offers: (event: Event) => boolean) => ({
  sys,
  kernel: {
    counters: async () => ({
      count: (event: Event, cpu: number) => (offers(event) ? event.type * 1e8 + event.config * 10 + cpu : undefined),
    }),
  },
})
const families = (lines: readonly string[]) => [...new Set(lines.map((line) => line.replace(/\{.*/, '')))]

test('it reports the counters of each CPU', async () => {
  assert.deepEqual(
    await collect(
      perf,
      counting(({ type }) => type === 1),
    ),
    [
      'node_perf_context_switches_total{cpu="0"} 1.0000003e+08',
      'node_perf_context_switches_total{cpu="1"} 1.00000031e+08',
      'node_perf_cpu_migrations_total{cpu="0"} 1.0000004e+08',
      'node_perf_cpu_migrations_total{cpu="1"} 1.00000041e+08',
      'node_perf_major_faults_total{cpu="0"} 1.0000006e+08',
      'node_perf_major_faults_total{cpu="1"} 1.00000061e+08',
      'node_perf_minor_faults_total{cpu="0"} 1.0000005e+08',
      'node_perf_minor_faults_total{cpu="1"} 1.00000051e+08',
      'node_perf_page_faults_total{cpu="0"} 1.0000002e+08',
      'node_perf_page_faults_total{cpu="1"} 1.00000021e+08',
    ],
  )
})

test('every event has its number: cycles and branches, caches and their misses', async () => {
  const lines = await collect(perf, { ...counting(() => true), options: { cpus: '0' } })
  const counted = (name: string) =>
    Number(lines.find((line) => line.startsWith(`node_perf_${name}_total{`))?.split(' ')[1])
  assert.equal(lines.length, 30)
  assert.equal(counted('cpucycles'), 0)
  assert.equal(counted('branch_misses'), 50)
  assert.equal(counted('stalled_cycles_backend'), 80)
  assert.equal(counted('cache_l1d_write_hits'), 3e8 + 0x00100 * 10)
  assert.equal(counted('cache_l1_instr_read_misses'), 3e8 + 0x10001 * 10)
  assert.equal(counted('cache_ll_write_misses'), 3e8 + 0x10102 * 10)
  assert.equal(counted('cache_tlb_data_read_misses'), 3e8 + 0x10003 * 10)
  assert.equal(counted('cache_tlb_instr_read_hits'), 3e8 + 0x00004 * 10)
  assert.equal(counted('cache_bpu_read_misses'), 3e8 + 0x10005 * 10)
})

test('kinds can be disabled and events selected; an unknown name selects all', async () => {
  const given = counting(() => true)
  const off = { 'disable-hardware-profilers': true, 'disable-cache-profilers': true }
  const software = async (...wanted: string[]) =>
    families(await collect(perf, { ...given, options: { ...off, 'software-profilers': wanted } }))
  assert.deepEqual(await software('PageFault', 'MajorFault'), [
    'node_perf_major_faults_total',
    'node_perf_page_faults_total',
  ])
  assert.equal((await software('PageFaults')).length, 5)
  const cache = {
    'disable-hardware-profilers': true,
    'disable-software-profilers': true,
    'cache-profilers': ['DataTLBWriteMiss'],
  }
  assert.deepEqual(families(await collect(perf, { ...given, options: cache })), [
    'node_perf_cache_tlb_data_write_misses_total',
  ])
})

test('a list with ranges and steps selects CPUs', async () => {
  const options = { cpus: '0-7:2,9', 'software-profilers': ['PageFault'] }
  const lines = await collect(perf, { ...counting(({ type }) => type === 1), options })
  assert.deepEqual(
    lines.map((line) => /cpu="(\d+)"/.exec(line)?.[1]),
    ['0', '2', '4', '6', '9'],
  )
})

test('a tracepoint is counted by its number; a missing one is logged', async () => {
  const options = { tracepoint: ['sched:sched_switch', 'sched:nope', 'nonsense'], cpus: '1' }
  const { lines, success, logged } = await collectAll(perf, { ...counting(({ type }) => type === 2), options })
  assert.deepEqual([lines, success], [['node_perf_sched_sched_switch{cpu="1"} 2.00003721e+08'], true])
  assert.match(logged.join(), /sched:nope.*nonsense/)
})

test('a user without permission gets a warning and no failure', async () => {
  const kernel = {
    counters: async () => ({
      count: () => {
        throw new NotPermitted('counting needs CAP_PERFMON')
      },
    }),
  }
  const { lines, success, logged } = await collectAll(perf, { sys, kernel })
  assert.deepEqual([lines, success], [[], true])
  assert.match(logged.join(), /^warn .*counting needs CAP_PERFMON/)
})

test('an invalid list is a failure', async () => {
  const { success, logged } = await collectAll(perf, { ...counting(() => true), options: { cpus: 'x' } })
  assert.equal(success, false)
  assert.match(logged.join(), /is not a list of CPUs/)
})

test('without system calls the failure says so', async () => {
  assert.match((await collectAll(perf, { sys })).logged.join(), /no system calls on this host/)
})
