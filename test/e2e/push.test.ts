import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, freePort, startPrometheus, startPushgateway, temporary } from '../support/servers.ts'
import { buffer, push } from './push.ts'

/* `hostpush push` with real servers. */

test('a push keeps types and the parts of histograms and summaries', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const text =
    '# HELP wait_seconds Wait, "long".\n# TYPE wait_seconds histogram\nwait_seconds_bucket{le="0.5"} 1\n' +
    'wait_seconds_bucket{le="+Inf"} 2\nwait_seconds_sum 1.5\nwait_seconds_count 2\n' +
    '# TYPE size summary\nsize{quantile="0.5"} 3\nsize_sum 12\nsize_count 4\n# TYPE rows_total counter\nrows_total 7\n'
  assert.equal(push(text, '--job=j', `--pushgateway=${gateway.url}`, '--label=instance=').status, 0)
  const page = await (await fetch(`${gateway.url}/metrics`)).text()
  for (const line of [
    '# HELP wait_seconds Wait, "long".',
    '# TYPE wait_seconds histogram',
    'wait_seconds_bucket{instance="",job="j",le="0.5"} 1',
    'wait_seconds_sum{instance="",job="j"} 1.5',
    '# TYPE size summary',
    'size{instance="",job="j",quantile="0.5"} 3',
    'size_count{instance="",job="j"} 4',
    '# TYPE rows_total counter',
    'rows_total{instance="",job="j"} 7',
  ])
    assert.ok(page.split('\n').includes(line), line)
})

const awkward = ['/var/tmp', 'a b', '100%', '..', '.', 'größe/π', '🦆', '?#&=+', 'x"y\\z', "it's", '~_-.']
test('label values with slashes, spaces and any letters identify their groups', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const file = join(temporary(t), 'config.json')
  for (const value of awkward) {
    const config = { pushgateway: [{ url: gateway.url, grouping_key: { path: value, none: '' } }] }
    writeFileSync(file, JSON.stringify(config))
    const { status, stderr } = push('a 1\n', `--job=${value}`, `--config.file=${file}`, '--label=keep=1')
    assert.equal(status, 0, stderr)
  }
  const groups = (await gateway.groups()).map(({ labels }) => labels)
  const expected = awkward.map((value) => ({ job: value, path: value, none: '', keep: '1' }))
  const byJob = (left: Record<string, string>, right: Record<string, string>) =>
    String(left['job']) < String(right['job']) ? -1 : 1
  assert.deepEqual(groups.toSorted(byJob), expected.toSorted(byJob))
})

test('invalid lines of a push are reported, and nothing is sent', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const { status, stderr } = push('a 1\nb{ 2\nc 3', '--job=j', `--pushgateway=${gateway.url}`)
  assert.equal(status, 1)
  assert.match(
    stderr,
    /^hostpush: line 2: .*\nhostpush: line 3: the last line has no line feed\nhostpush: nothing was sent: the input has errors\n$/,
  )
  assert.deepEqual(await gateway.groups(), [])
})

test('timestamps, which a Pushgateway rejects, are removed, and a push of OpenMetrics arrives', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const text = '# TYPE rows counter\nrows_total 42 1700000000.5 # {id="1"} 1\nrows_created 1\n# EOF\n'
  const { status, stderr, stdout } = push(text, '--job=import', `--pushgateway=${gateway.url}`)
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^hostpush: 1 sample delivered to http:\/\/127/)
  const [line] = (await gateway.lines()).filter((one) => one.startsWith('rows'))
  assert.equal(line, `rows_total{instance="${hostname()}",job="import"} 42`)
})

test('pushes of one job add to its group, as with curl', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  for (const text of ['a 1\nb 1\n', 'b 2\n'])
    assert.equal(push(text, '--job=j', `--pushgateway=${gateway.url}`).status, 0)
  const lines = (await gateway.lines()).map((line) => line.replace(/\{.*\}/, '')).filter((line) => /^[ab] /.test(line))
  assert.deepEqual(lines, ['a 1', 'b 2'])
})

test('metrics that a Pushgateway rejects are saved as dead letters, and listed with its message and a hint', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const url = `--pushgateway=${gateway.url}`
  assert.equal(push('# TYPE rows counter\nrows 1\n', '--job=first', url).status, 0)
  const both = push('# TYPE rows gauge\nrows 2\nfine 3\n', '--job=second', url)
  assert.equal(both.status, 1)
  assert.match(
    both.stderr,
    /^hostpush: 1 of 2 samples for http:\S+ rejected and saved as dead letters \(.*\): rejected metrics rows: HTTP/m,
  )
  assert.ok((await gateway.lines()).includes(`fine{instance="${hostname()}",job="second"} 3`))
  const [, name = ''] =
    /^endpoint (pushgateway:\S+) \(URL unknown: .*\): 1 sample rejected, last /m.exec(buffer('ls').stdout) ?? []
  assert.match(
    buffer('ls').stdout,
    /: HTTP 400: .* \(metrics rows\) \(Rename the metric .*another job pushed the same metric /,
  )
  assert.match(
    buffer('export', '--dead-letters', `--endpoint=${name}`).stdout,
    /^# rejected by pushgateway:\S+: HTTP 400: .*\n# HELP rows \n# TYPE rows gauge\nrows\{job="second",instance=".*"\} 2 \d{13}\n$/,
  )
  assert.match(buffer('drop', '--dead-letters', '--yes', `--endpoint=${name}`).stdout, /: drops 1 rejected sample\n/)
})

test('without the consistency check a push is accepted with status 202', async (t) => {
  const gateway = await startPushgateway(t, ['--push.disable-consistency-check'])
  if (gateway === undefined) return
  const { status, stderr } = push('a 1\n', '--job=j', `--pushgateway=${gateway.url}`)
  assert.equal(status, 0, stderr)
  await eventually(
    () => gateway.lines(),
    (lines) => lines.some((line) => line.startsWith('a{')),
  )
})

test('pushes to a remote-write endpoint arrive with their own timestamps, two of the same job too', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const target = ['--job=import', `--remote-write.url=${prometheus.url}/api/v1/write`]
  const seconds = Math.floor(Date.now() / 1000) - 30
  for (const [text, value] of [
    [`# TYPE rows counter\nrows_total 1 ${seconds}\n# EOF\n`, 1],
    ['rows_total 2\n', 2],
  ] as const) {
    const { status, stderr } = push(text, ...target)
    assert.equal(status, 0, stderr)
    const [result] = await prometheus.query('rows_total{job="import"}')
    assert.equal(Number(result?.value[1]), value)
  }
  const [old] = await prometheus.query(`rows_total{job="import"} @ ${seconds}`)
  assert.equal(old?.value[1], '1')
})

test('rejected samples of a push and of the spool are saved as dead letters, and the rest is delivered', async (t) => {
  const port = await freePort()
  const target = ['--job=import', `--remote-write.url=http://127.0.0.1:${port}/api/v1/write`]
  assert.equal(push('ancient_total 1 1000\n', ...target, '--timeout=2s').status, 3)
  assert.match(buffer('ls').stdout, /, from 1 batch command: backlog of 1 snapshot, 1 sample, /)
  const prometheus = await startPrometheus(t, { port })
  if (prometheus === undefined) return
  // with another name, so that the receiver has current samples before the spooled ones arrive
  assert.equal(
    push('rows_total 0\n', '--job=first', `--remote-write.url=http://localhost:${port}/api/v1/write`).status,
    0,
  )
  const good = push('rows_total 1\n', ...target)
  assert.equal(good.status, 0, good.stderr)
  const both = push('rows_total 2\nold_total 7 2000\n', ...target)
  assert.equal(both.status, 1)
  assert.match(
    both.stderr,
    /^hostpush: 1 of 2 samples for http:\S+ rejected and saved as dead letters \(.*\): .*HTTP 400: out of bounds/m,
  )
  assert.equal((await prometheus.query('rows_total{job="import"}'))[0]?.value[1], '2')
  const samples = buffer('export', '--dead-letters')
    .stdout.split('\n')
    .filter((line) => /^[a-z]/.test(line))
  const labels = `{job="import",instance="${hostname()}"}`
  assert.deepEqual(samples, [`ancient_total${labels} 1 1000`, `old_total${labels} 7 2000`])
  assert.doesNotMatch(buffer('ls').stdout, /from \d+ batch command/)
})
