import assert from 'node:assert/strict'
import { test } from 'node:test'
import cpufreq from '../../src/collectors/cpufreq.ts'
import { collect, collectAll } from '../support/collect.ts'

const directory = 'devices/system/cpu'
const files = {
  cpuinfo_cur_freq: '1699981\n',
  cpuinfo_avg_freq: '1600000\n',
  cpuinfo_min_freq: '800000\n',
  cpuinfo_max_freq: '3700000\n',
  scaling_cur_freq: '1219917\n',
  scaling_min_freq: '800001\n',
  scaling_max_freq: '3700001\n',
  scaling_governor: 'powersave\n',
  scaling_available_governors: 'performance powersave\n',
}
const policy = (cpu: number, texts: object = files) =>
  Object.fromEntries(Object.entries(texts).map(([file, text]) => [`${directory}/cpu${cpu}/cpufreq/${file}`, text]))

test('it reports frequencies in hertz, and for each governor whether it is active', async () => {
  const sys = { [`${directory}/offline`]: '\n', ...policy(0), [`${directory}/cpu1/online`]: '1\n' }
  assert.deepEqual(await collect(cpufreq, { sys }), [
    'node_cpu_frequency_avg_hertz{cpu="0"} 1.6e+09',
    'node_cpu_frequency_hertz{cpu="0"} 1.699981e+09',
    'node_cpu_frequency_max_hertz{cpu="0"} 3.7e+09',
    'node_cpu_frequency_min_hertz{cpu="0"} 8e+08',
    'node_cpu_scaling_frequency_hertz{cpu="0"} 1.219917e+09',
    'node_cpu_scaling_frequency_max_hertz{cpu="0"} 3.700001e+09',
    'node_cpu_scaling_frequency_min_hertz{cpu="0"} 8.00001e+08',
    'node_cpu_scaling_governor{cpu="0",governor="performance"} 0',
    'node_cpu_scaling_governor{cpu="0",governor="powersave"} 1',
  ])
})

test('offline CPUs are left out', async () => {
  const sys = { [`${directory}/offline`]: '1-2,5\n', ...policy(0), ...policy(1), ...policy(5), ...policy(10) }
  const cpus = new Set((await collect(cpufreq, { sys })).map((line) => /cpu="(\d+)"/.exec(line)?.[1]))
  assert.deepEqual([...cpus], ['0', '10'])
})

const odd = {
  scaling_cur_freq: '<unknown>\n',
  cpuinfo_cur_freq: { error: 'EACCES' },
  scaling_max_freq: '5\n',
  scaling_governor: 'x',
  scaling_available_governors: 'x',
}

test('a frequency that is unknown or unreadable is left out', async () => {
  const { lines, success } = await collectAll(cpufreq, { sys: { [`${directory}/offline`]: '', ...policy(0, odd) } })
  const governor = 'node_cpu_scaling_governor{cpu="0",governor="x"} 1'
  assert.deepEqual([lines, success], [['node_cpu_scaling_frequency_max_hertz{cpu="0"} 5000', governor], true])
})

test('invalid values and missing governors are failures and do not hide other samples', async () => {
  const { scaling_governor: _, ...without } = odd
  const sys = {
    [`${directory}/offline`]: '',
    ...policy(0, { ...odd, scaling_cur_freq: 'fast' }),
    ...policy(1, without),
    ...policy(2, odd),
  }
  const { lines, success } = await collectAll(cpufreq, { sys })
  assert.equal(success, false)
  assert.equal(lines.filter((line) => line.startsWith('node_cpu_scaling_frequency_max')).length, 3)
  assert.equal(lines.filter((line) => line.startsWith('node_cpu_scaling_governor')).length, 2)
})

test('a missing or invalid list of offline CPUs is a failure', async () => {
  assert.match(String((await collectAll(cpufreq, {})).logged), /failed.*ENOENT/)
  assert.match(
    String((await collectAll(cpufreq, { sys: { [`${directory}/offline`]: 'x' } })).logged),
    /not a list of CPUs/,
  )
})
