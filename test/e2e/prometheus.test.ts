import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  eventually,
  hostpush,
  type Prometheus,
  type Result,
  root,
  startPrometheus,
  temporary,
} from '../support/servers.ts'

/** Series of the text format: from `name{sorted labels}` to value. */
function seriesOf(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, series, value] = /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    if (series !== undefined && value !== undefined) found.set(withoutEmpty(series), value)
  }
  return found
}

/** A label with an empty value equals a missing label. */
const withoutEmpty = (series: string) => {
  const labels = [...series.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].filter(([, , value]) => value !== '')
  const name = series.replace(/\{.*/, '')
  return labels.length === 0 ? name : `${name}{${labels.map(([pair]) => pair).join(',')}}`
}

const escaped = (value: string) => value.replace(/[\\\n"]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))

function textOf({ metric }: Result): string {
  const { __name__: name, job: _job, instance: _instance, site: _site, ...labels } = metric
  const pairs = Object.keys(labels)
    .sort()
    .map((label) => `${label}="${escaped(labels[label] ?? '')}"`)
  return pairs.length === 0 ? `${name}` : `${name}{${pairs.join(',')}}`
}

/** Starts an agent that pushes every half second. */
function agent(t: TestContext, prometheus: Prometheus, more: object, flags: readonly string[] = []) {
  const file = join(temporary(t), 'config.json')
  const endpoint = { url: `${prometheus.url}/api/v1/write`, metadata_config: { send_interval: '1s' } }
  writeFileSync(file, JSON.stringify({ remote_write: [endpoint], web: { listen_address: [] }, ...more }))
  return hostpush(t, ['run', `--config.file=${file}`, ...flags])
}

const collected = (flags: readonly string[]) =>
  execFileSync(process.execPath, [join(root, 'src/cli.ts'), 'collect', ...flags], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })

test('every series that `collect` prints is in a real Prometheus, with equal labels', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const global = { scrape_interval: '500ms', external_labels: { site: 'lab' } }
  const running = agent(t, prometheus, { global, job: 'node', instance: 'live' })
  await eventually(
    () => prometheus.query('count_over_time(up{instance="live"}[1m])'),
    ([up]) => Number(up?.value[1]) >= 4,
  )
  const printed = seriesOf(collected([]))
  const stored = await prometheus.query('{instance="live",job="node",site="lab"}')
  const names = new Set(stored.map(textOf))
  const missing = [...printed.keys()].filter((series) => !names.has(series))
  assert.deepEqual(missing, [])
  assert.ok(printed.size > 200, `only ${printed.size} series were collected`)
  for (const own of [
    'up',
    'scrape_duration_seconds',
    'scrape_samples_scraped',
    'scrape_samples_post_metric_relabeling',
    'scrape_series_added',
  ]) {
    assert.ok(names.has(own), `${own} is missing`)
  }
  const metadata = (await prometheus.api('/api/v1/metadata?metric=node_load1')) as Record<string, { type: string }[]>
  assert.equal(metadata['node_load1']?.[0]?.type ?? 'gauge', 'gauge')
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  assert.doesNotMatch(running.output(), /level=(ERROR|WARN)/)
})

/** An unchanging host; its text file contains difficult values. */
const frozen: Readonly<Record<string, string>> = {
  'proc/stat':
    'cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 301854 612 111922 8979004 3552 2 3944 0 44 36\nintr 8885917 17\nctxt 38014093\nbtime 1418183276\nprocesses 26442\nprocs_running 2\nprocs_blocked 1\nsoftirq 5057579 250191 1481983 1647 211099 186066 0 1783454 622196 12499 508444\n',
  'proc/meminfo': 'MemTotal:       15666184 kB\nMemFree:          440324 kB\nHugePages_Total:       3\n',
  'proc/loadavg': '0.02 0.04 0.05 1/497 11947\n',
  'proc/diskstats':
    '   8       0 sda 25354637 34367663 1003346126 18492372 28444756 11134226 505697032 63877960 0 9653880 82621804\n',
  'proc/vmstat': 'oom_kill 0\npgpgin 7344136\npswpin 1476\npgfault 2.3e1\n',
  'proc/sys/fs/file-nr': '1024\t0\t9223372036854775807\n',
  'proc/net/snmp':
    'Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors\nUdp: 88542 120 0 53028 9 8 0\n',
  'proc/net/netstat': 'IpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 6286396970 2786264347\n',
  'sys/class/net/.keep': '',
  'text/odd.prom':
    '# TYPE odd gauge\nodd{kind="nan"} NaN\nodd{kind="inf"} +Inf\nodd{kind="-inf"} -Inf\nodd{kind="tiny"} 4.9406564584124654e-324\nodd{kind="big"} 1.7976931348623157e+308\n' +
    'odd{kind="-0"} -0\nodd{kind="third"} 0.3333333333333333\nodd{kind="quote\\"back\\\\slash\\nline"} 1\nodd{kind="grüße 日本 😀"} 2\nodd{kind="empty",none=""} 3\n' +
    '# TYPE h histogram\nh_bucket{le="0.5"} 1\nh_bucket{le="+Inf"} 2\nh_sum 1.5\nh_count 2\n# TYPE s summary\ns{quantile="0.5"} 7\ns_sum 8\ns_count 9\n',
}

test('values of an unchanging host arrive equal to the last digit', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const folder = temporary(t)
  for (const [path, text] of Object.entries(frozen)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const only = ['cpu', 'diskstats', 'filefd', 'loadavg', 'meminfo', 'netstat', 'stat', 'textfile', 'vmstat']
  const flags = [
    `--path.procfs=${folder}/proc`,
    `--path.sysfs=${folder}/sys`,
    `--path.rootfs=${folder}`,
    '--collector.disable-defaults',
    ...only.map((name) => `--collector.${name}`),
    `--collector.textfile.directory=${folder}/text`,
  ]
  agent(t, prometheus, { global: { scrape_interval: '500ms' }, instance: 'frozen' }, flags)
  await eventually(
    () => prometheus.query('count_over_time(up{instance="frozen"}[1m])'),
    ([up]) => Number(up?.value[1]) >= 3,
  )
  const printed = seriesOf(collected(flags))
  const stored = new Map((await prometheus.query('{instance="frozen"}')).map((one) => [textOf(one), one.value[1]]))
  const still = [...printed].filter(([series]) =>
    /^(node_(?!scrape|exporter|textfile_mtime)|odd|h_|s\b|s_)/.test(series),
  )
  // the text format does not distinguish -0 from 0
  const different = still.filter(
    ([series, value]) => !Object.is(Number(go(stored.get(series))) + 0, Number(go(value)) + 0),
  )
  assert.deepEqual(different, [])
  assert.ok(still.length > 60, `only ${still.length} series were compared`)
})

const go = (text: string | undefined) => (text === undefined ? 'missing' : text.replace('Inf', 'Infinity'))
