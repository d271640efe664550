import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  eventually,
  freePort,
  hostpush,
  type Pushgateway,
  program,
  root,
  start,
  startPushgateway,
  temporary,
} from '../support/servers.ts'
import { push } from './push.ts'

/* Every way to push to a real Pushgateway. */

/** Starts an agent that pushes every half second. */
function agent(t: TestContext, gateway: object, more: object = {}, flags: readonly string[] = []) {
  const file = join(temporary(t), 'config.json')
  const config = {
    global: { scrape_interval: '500ms', external_labels: { site: 'lab' } },
    instance: 'h',
    pushgateway: [gateway],
    web: { listen_address: [] },
  }
  writeFileSync(file, JSON.stringify({ ...config, ...more }))
  return hostpush(t, ['run', `--config.file=${file}`, ...flags])
}

const few = ['--collector.disable-defaults', '--collector.loadavg', '--collector.uname']
const told = (gateway: Pushgateway, series: string | RegExp) =>
  eventually(
    () => gateway.lines(),
    (lines) => lines.some((line) => (typeof series === 'string' ? line.startsWith(series) : series.test(line))),
  )
const isGone = async (gateway: Pushgateway, job: string) =>
  (await gateway.groups()).every(({ labels }) => labels['job'] !== job)

test('every series that `collect` prints is at the Pushgateway in its group, without timestamps', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const running = agent(t, { url: gateway.url })
  const lines = await told(gateway, 'node_load1{')
  const seriesAt = new Set(
    lines
      .map((line) => line.slice(0, line.lastIndexOf(' ')))
      .map((series) =>
        series
          .replace(/,?(instance="h"|job="node"|site="lab")/g, '')
          .replace('{,', '{')
          .replace('{}', ''),
      ),
  )
  const printed = execFileSync(process.execPath, [join(root, 'src/cli.ts'), 'collect'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const missing = printed
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')))
    .filter((series) => !seriesAt.has(series))
  assert.deepEqual(missing, [])
  assert.ok(seriesAt.size > 200, `only ${seriesAt.size} series`)
  assert.ok(lines.every((line) => /instance="h"/.test(line) && /job="node"/.test(line)))
  assert.deepEqual(
    lines.filter((line) => /^(up|scrape_)/.test(line)),
    [],
  )
  await told(gateway, 'hostpush_pushgateway_samples_total{')
  const [group] = await gateway.groups()
  assert.deepEqual(group?.labels, { job: 'node', instance: 'h' })
  assert.equal(group?.last_push_successful, true)
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  assert.match(running.output(), /all samples delivered/)
  assert.doesNotMatch(running.output(), /level=(ERROR|WARN)/)
})

for (const method of ['PUT', 'POST'] as const) {
  test(`${method} ${method === 'PUT' ? 'replaces' : 'keeps'} what else is in the group`, async (t) => {
    const gateway = await startPushgateway(t)
    if (gateway === undefined) return
    const key = ['--job=node', '--label=instance=h', `--pushgateway=${gateway.url}`]
    assert.equal(push('left_over 1\n', ...key).status, 0)
    assert.equal(push('of_another 1\n', '--job=other', `--pushgateway=${gateway.url}`).status, 0)
    agent(t, { url: gateway.url, method }, {}, few)
    const lines = await told(gateway, 'node_load1{')
    assert.equal(
      lines.some((line) => line.startsWith('left_over')),
      method === 'POST',
    )
    assert.ok(lines.some((line) => line.startsWith('of_another')))
  })
}

test('the group is deleted at the start and at the end if configured', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const key = ['--job=node', '--label=instance=h', `--pushgateway=${gateway.url}`]
  assert.equal(push('left_over 1\n', ...key).status, 0)
  const options = { url: gateway.url, method: 'POST', delete_on_start: true, delete_on_shutdown: true }
  const running = agent(t, options, {}, few)
  const lines = await told(gateway, 'node_load1{')
  assert.ok(!lines.some((line) => line.startsWith('left_over')))
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  await eventually(() => isGone(gateway, 'node'), Boolean)
  assert.match(running.output(), /all samples delivered/)
})

test('without deletion the group keeps the snapshot of the stop', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const running = agent(t, { url: gateway.url, interval: '1h' }, {}, ['--collector.time', ...few])
  const first = await told(gateway, 'node_time_seconds{')
  const timeIn = (lines: readonly string[]) =>
    Number(lines.find((line) => line.startsWith('node_time_seconds{'))?.split(' ')[1])
  await new Promise((resolve) => setTimeout(resolve, 1200))
  assert.equal(timeIn(await gateway.lines()), timeIn(first))
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  assert.ok(timeIn(await gateway.lines()) > timeIn(first) + 1)
})

test('the grouping key may contain an empty value', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  agent(t, { url: gateway.url, grouping_key: { instance: '', path: '/a/b' } }, {}, few)
  await told(gateway, 'node_load1{')
  assert.deepEqual(
    (await gateway.groups()).map(({ labels }) => labels),
    [{ job: 'node', instance: '', path: '/a/b' }],
  )
})

test('a family with a different type in another group is skipped and logged; the others arrive', async (t) => {
  const gateway = await startPushgateway(t)
  if (gateway === undefined) return
  const other = '# TYPE node_load1 counter\nnode_load1 1\n# TYPE node_uname_info counter\nnode_uname_info 1\n'
  assert.equal(push(other, '--job=other', `--pushgateway=${gateway.url}`).status, 0)
  const running = agent(t, { url: gateway.url }, {}, few)
  const lines = await told(gateway, 'node_load5{')
  assert.deepEqual(
    lines.filter((line) => /^node_(load1|uname_info)\{/.test(line) && line.includes('job="node"')),
    [],
  )
  const counted = await told(gateway, /^hostpush_pushgateway_rejected_families\{.*\} 2$/)
  assert.ok(counted.some((line) => line.startsWith('node_load15{')))
  assert.equal(running.output().match(/level=ERROR/g)?.length, 1)
  assert.match(
    running.output(),
    /Metric families rejected, not pushed".*families="node_load1 node_uname_info" reason=.*is not a (COUNTER|GAUGE)/,
  )
  running.child.kill('SIGTERM')
  await running.ended
  const again = push('# TYPE node_load1 gauge\nnode_load1 2\nfine 1\n', '--job=third', `--pushgateway=${gateway.url}`)
  assert.equal(again.status, 1)
  assert.match(
    again.stderr,
    /hostpush: refused, and set aside \(.*\): 1 of 2 samples for 127.*: rejected metrics node_load1: HTTP 400: .*\n$/,
  )
  assert.ok((await gateway.lines()).some((line) => line.startsWith('fine{')))
})

test('a Pushgateway with a route prefix is found; without the prefix the log has a hint', async (t) => {
  const gateway = await startPushgateway(t, ['--web.route-prefix=/gw'], '/gw')
  if (gateway === undefined) return
  assert.equal(push('a 1\n', '--job=j', `--pushgateway=${gateway.url}/`).status, 0)
  const running = agent(t, { url: gateway.url.replace('/gw', '') }, { flush_timeout: '500ms' }, few)
  await running.until(/level=WARN.*HTTP 404: 404 page not found.*hint=.*route-prefix/)
  running.child.kill('SIGTERM')
  await running.ended
  assert.match(
    running.output(),
    /Agent stopped with undelivered samples, they are lost" component=agent remote_name=default url=\S+ .*HTTP 404/,
  )
})

test('a Pushgateway that starts late gets the newest snapshot, and the recovery is logged', async (t) => {
  const file = program(t, 'prometheus-pushgateway')
  if (file === undefined) return
  const port = await freePort()
  const running = agent(t, { url: `http://127.0.0.1:${port}` }, {}, [...few, '--collector.time'])
  await running.until(/ECONNREFUSED/)
  const awaySeconds = Date.now() / 1000
  await new Promise((resolve) => setTimeout(resolve, 1500))
  start(t, file, [`--web.listen-address=127.0.0.1:${port}`, '--persistence.file='])
  await running.until(/Push recovered/)
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  assert.ok(Number(/^node_time_seconds\{.* (\S+)$/m.exec(page)?.[1]) > awaySeconds)
  assert.equal(running.output().match(/level=WARN/g)?.length, 1)
})
