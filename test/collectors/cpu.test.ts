import assert from 'node:assert/strict'
import { test } from 'node:test'
import cpu from '../../src/collectors/cpu.ts'
import { collect, collectAll, collecting } from '../support/collect.ts'

const directory = 'devices/system/cpu'
const only = (lines: readonly string[], text: string) => lines.filter((line) => line.includes(text))
const times = (line: string) => ({ proc: { stat: `cpu  0 0 0 0\n${line}\n` } })

test('it reports the seconds of each CPU by mode, without the total of all CPUs', async () => {
  const proc = {
    stat: 'cpu  301854 612 111922 8979004 3552 2 3944 0 44 36\ncpu0 44490 19 21045 1087069 220 1 3410 0 2 1\nctxt 5\n',
  }
  assert.deepEqual(await collect(cpu, { proc }), [
    'node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0.01',
    'node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.02',
    'node_cpu_seconds_total{cpu="0",mode="idle"} 10870.69',
    'node_cpu_seconds_total{cpu="0",mode="iowait"} 2.2',
    'node_cpu_seconds_total{cpu="0",mode="irq"} 0.01',
    'node_cpu_seconds_total{cpu="0",mode="nice"} 0.19',
    'node_cpu_seconds_total{cpu="0",mode="softirq"} 34.1',
    'node_cpu_seconds_total{cpu="0",mode="steal"} 0',
    'node_cpu_seconds_total{cpu="0",mode="system"} 210.45',
    'node_cpu_seconds_total{cpu="0",mode="user"} 444.9',
  ])
})

test('guest time can be disabled', async () => {
  const lines = await collect(cpu, { ...times('cpu0 1 2 3 4 5 6 7 8 9 10'), options: { guest: false } })
  assert.equal(lines.length, 8)
})

test('modes that the kernel does not count are absent, not 0', async () => {
  const lines = await collect(cpu, times('cpu0 100 200 300 400'))
  assert.deepEqual(
    lines.map((line) => /mode="(\w+)"/.exec(line)?.[1]),
    ['idle', 'nice', 'system', 'user'],
  )
})

test('a counter that decreases slightly keeps its previous value', async () => {
  const next = collecting(cpu, times('cpu0 100 0 0 1000 50 0 0 0 0 0'))
  await next()
  const { lines } = await next(times('cpu0 120 0 0 900 40 0 0 0 0 0'))
  assert.deepEqual(only(lines, 'idle'), ['node_cpu_seconds_total{cpu="0",mode="idle"} 10'])
  assert.deepEqual(only(lines, 'iowait'), ['node_cpu_seconds_total{cpu="0",mode="iowait"} 0.5'])
  assert.deepEqual(only(lines, 'l{cpu="0",mode="user"'), [
    'node_cpu_guest_seconds_total{cpu="0",mode="user"} 0',
    'node_cpu_seconds_total{cpu="0",mode="user"} 1.2',
  ])
})

test('an idle time that falls by three seconds resets the counters of the CPU', async () => {
  const next = collecting(cpu, times('cpu0 100 0 0 1000'))
  await next()
  assert.deepEqual((await next(times('cpu0 5 0 1 700'))).lines, [
    'node_cpu_seconds_total{cpu="0",mode="idle"} 7',
    'node_cpu_seconds_total{cpu="0",mode="nice"} 0',
    'node_cpu_seconds_total{cpu="0",mode="system"} 0.01',
    'node_cpu_seconds_total{cpu="0",mode="user"} 0.05',
  ])
})

test('a CPU that was offline starts with the new values', async () => {
  const next = collecting(cpu, times('cpu0 1 1 1 1\ncpu1 90 0 0 100'))
  await next()
  assert.deepEqual(only((await next(times('cpu0 1 1 1 1'))).lines, 'cpu="1"'), [])
  assert.deepEqual(only((await next(times('cpu0 1 1 1 1\ncpu1 3 0 0 2'))).lines, 'cpu="1",mode="user"'), [
    'node_cpu_seconds_total{cpu="1",mode="user"} 0.03',
  ])
})

test('isolated CPUs are read once', async () => {
  const isolated = (text: string) => ({ ...times('cpu0 1 1 1 1'), sys: { [`${directory}/isolated`]: text } })
  const next = collecting(cpu, isolated('1,3-4\n'))
  const expected = ['1', '3', '4'].map((id) => `node_cpu_isolated{cpu="${id}"} 1`)
  assert.deepEqual(only((await next()).lines, 'isolated'), expected)
  assert.deepEqual(only((await next(isolated('7\n'))).lines, 'isolated'), expected)
})

test('an invalid list of isolated CPUs does not hide other samples', async () => {
  for (const text of ['1-', 'x', '0-99999999999']) {
    const sys = { [`${directory}/isolated`]: text }
    const { lines, success, logged } = await collectAll(cpu, { ...times('cpu0 1 1 1 1'), sys })
    assert.deepEqual([lines.length, success], [4, false])
    assert.match(String(logged), /not a list of CPUs/)
  }
})

test('online states are reported only if the first CPU can be taken offline', async () => {
  const sys = {
    [`${directory}/cpu0/online`]: '1\n',
    [`${directory}/cpu1/online`]: '0\n',
    [`${directory}/cpu2/node0/x`]: '',
    [`${directory}/cpufreq/x`]: '',
  }
  const lines = await collect(cpu, { ...times('cpu0 1 1 1 1'), sys })
  assert.deepEqual(only(lines, 'online'), ['node_cpu_online{cpu="0"} 1', 'node_cpu_online{cpu="1"} 0'])
  const { [`${directory}/cpu0/online`]: _, ...rest } = { ...sys, [`${directory}/cpu0/x`]: '' }
  assert.deepEqual(only(await collect(cpu, { ...times('cpu0 1 1 1 1'), sys: rest }), 'online'), [])
})

const throttled = (id: number, ids: readonly [string, string], counts: readonly [string, string]) => ({
  [`${directory}/cpu${id}/topology/physical_package_id`]: `${ids[0]}\n`,
  [`${directory}/cpu${id}/topology/core_id`]: `${ids[1]}\n`,
  [`${directory}/cpu${id}/thermal_throttle/core_throttle_count`]: `${counts[0]}\n`,
  [`${directory}/cpu${id}/thermal_throttle/package_throttle_count`]: `${counts[1]}\n`,
})

test('throttles are counted once for each core and package, from the first CPU that has the counter', async () => {
  const sys = {
    ...throttled(0, ['0', '0'], ['junk', '4']),
    ...throttled(1, ['0', '1'], ['8', '5']),
    ...throttled(2, ['0', '0'], ['7', '6']),
    ...throttled(3, ['-1', '0'], ['1', '1']),
  }
  const lines = await collect(cpu, { ...times('cpu0 1 1 1 1'), sys })
  assert.deepEqual(only(lines, 'throttles'), [
    'node_cpu_core_throttles_total{core="0",package="0"} 7',
    'node_cpu_core_throttles_total{core="1",package="0"} 8',
    'node_cpu_package_throttles_total{package="0"} 4',
  ])
})

const cpuinfo =
  'processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\nmodel name\t: Core(TM): i7\nstepping\t: 10\n' +
  'microcode\t: 0xb4\ncpu MHz\t\t: 799.998\ncache size\t: 8192 KB\nphysical id\t: 0\ncore id\t\t: 3\n' +
  'flags\t\t: fpu aes avx\nbugs\t\t: mds l1tf\npower management:\n\nprocessor\t: 1\nflags\t\t: sse\nbugs\t\t: x\n\n'

test('CPU information is reported only if the option is set', async () => {
  const proc = { stat: '', cpuinfo }
  assert.deepEqual(await collect(cpu, { proc }), [])
  assert.deepEqual(await collect(cpu, { proc, options: { info: true } }), [
    'node_cpu_frequency_hertz{core="3",cpu="0",package="0"} 7.99998e+08',
    'node_cpu_info{cachesize="",core="",cpu="1",family="",microcode="",model="",model_name="",package="",stepping="",vendor=""} 1',
    'node_cpu_info{cachesize="8192 KB",core="3",cpu="0",family="6",microcode="0xb4",model="142",model_name="Core(TM): i7",package="0",stepping="10",vendor="GenuineIntel"} 1',
  ])
})

test('a pattern for flags or bugs enables the information; only the first CPU is reported', async () => {
  const proc = { stat: '', cpuinfo }
  const flags = await collect(cpu, { proc, options: { 'info.flags-include': '^(a|s)' } })
  assert.deepEqual(only(flags, '_info{flag'), ['node_cpu_flag_info{flag="aes"} 1', 'node_cpu_flag_info{flag="avx"} 1'])
  assert.equal(only(flags, 'node_cpu_info').length, 2)
  const bugs = await collect(cpu, { proc, options: { 'info.bugs-include': 'm.s' } })
  assert.deepEqual(only(bugs, '_info{bug'), ['node_cpu_bug_info{bug="mds"} 1'])
})

test('an ARM processor has a number and features', async () => {
  const proc = { stat: '', cpuinfo: 'processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU part\t: 0xd08\n\n' }
  const lines = await collect(cpu, { proc, options: { 'info.flags-include': 'asimd' } })
  assert.equal(only(lines, 'node_cpu_info')[0]?.includes('cpu="0"'), true)
  assert.deepEqual(only(lines, 'flag'), ['node_cpu_flag_info{flag="asimd"} 1'])
})

test('an invalid cpuinfo is a failure and does not hide the seconds', async () => {
  for (const proc of [{}, { cpuinfo: '' }, { cpuinfo: 'hello\n' }]) {
    const all = await collectAll(cpu, { proc: { ...times('cpu0 1 1 1 1').proc, ...proc }, options: { info: true } })
    assert.deepEqual([all.lines.length, all.success], [4, false])
  }
})

test('a missing or invalid /proc/stat is a failure and does not hide other samples', async () => {
  const { lines: rest, logged: said } = await collectAll(cpu, { proc: { cpuinfo }, options: { info: true } })
  assert.deepEqual([rest.length, only(rest, 'node_cpu_info').length], [3, 2])
  assert.match(String(said), /failed.*ENOENT/)
  const { lines, logged } = await collectAll(cpu, times('cpu0 1 2 x'))
  assert.deepEqual(lines, [])
  assert.match(String(logged), /stat: \\"x\\" is not a number/)
})
