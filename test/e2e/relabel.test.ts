import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { keepList } from '../../src/relabel/allowlists.ts'
import { eventually, hostpush, startPrometheus, temporary } from '../support/servers.ts'

test('a real Prometheus gets only the samples that keep list and relabel rules keep, with the new labels', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const folder = temporary(t)
  const file = join(folder, 'config.json')
  const config = {
    global: { scrape_interval: '500ms' },
    instance: 'web-1.example.com',
    buffer: { directory: join(folder, 'buffer') },
    web: { listen_address: [] },
    write_relabel_configs: [
      { source_labels: ['instance'], regex: '([^.]+)\\..*', target_label: 'host', replacement: '$1' },
    ],
    remote_write: [
      {
        url: `${prometheus.url}/api/v1/write`,
        metrics: 'minimal',
        write_relabel_configs: [
          { source_labels: ['__name__', 'mode'], regex: 'node_cpu_seconds_total;(?:steal|nice)', action: 'drop' },
          { source_labels: ['__name__', 'mode'], regex: 'node_cpu_seconds_total;(.+)', target_label: 'what' },
          { regex: 'mode', action: 'labeldrop' },
        ],
      },
    ],
  }
  writeFileSync(file, JSON.stringify(config))
  const running = hostpush(t, ['run', `--config.file=${file}`])
  await eventually(
    () => prometheus.query('count_over_time(up{host="web-1"}[1m])'),
    ([up]) => Number(up?.value[1]) >= 3,
  )
  const stored = await prometheus.query('{job="node"}')
  const names = new Set(stored.map(({ metric }) => metric['__name__'] ?? ''))
  const list = keepList('minimal')
  assert.deepEqual(
    [...names].filter((name) => !list?.has(name)),
    [],
  )
  for (const name of ['up', 'node_load1', 'node_uname_info']) assert.ok(names.has(name), name)
  assert.ok(stored.every(({ metric }) => metric['host'] === 'web-1' && metric['mode'] === undefined))
  const modes = stored
    .filter(({ metric }) => metric['__name__'] === 'node_cpu_seconds_total')
    .map((one) => one.metric['what'])
  assert.deepEqual([...new Set(modes)].sort(), ['idle', 'iowait', 'irq', 'softirq', 'system', 'user'])
  assert.doesNotMatch(running.output(), /level=(ERROR|WARN)/)
})
