import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, scene, until } from './gateway.ts'

test('a snapshot is pushed as compressed text, without timestamps and scrape metrics', async (t) => {
  const { gateway, requests, notify, lines } = await scene(t)
  notify({ kitchen: 21.5 })
  await until(() => gateway.stats.samples === 2)
  const [request] = requests
  assert.equal(requests.length, 1)
  assert.equal(`${request?.method} ${request?.path}`, 'PUT /metrics/job/node/instance/h')
  assert.equal(request?.headers['content-encoding'], 'gzip')
  assert.match(request?.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  assert.equal(request?.headers['user-agent'], 'test/1')
  assert.equal(
    request?.body,
    '# HELP doors_total Doors opened.\n# TYPE doors_total counter\ndoors_total 7\n' +
      '# HELP temperature Degrees.\n# TYPE temperature gauge\ntemperature{room="kitchen"} 21.5\n',
  )
  assert.equal(gateway.report.problem, undefined)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /INFO msg="First samples delivered" component=pushgateway .*samples=2$/m)
})

test('series have external labels but not those of the group, and labels of the series win', async (t) => {
  const identity = { job: 'node', instance: 'h', room: 'none', site: 'a"b', zone: 'z', empty: '' }
  const { requests, notify } = await scene(t, undefined, { groupingKey: { instance: 'h', zone: 'y' } }, identity)
  notify({ kitchen: 1 })
  await until(() => requests.length === 1)
  assert.match(requests[0]?.body ?? '', /^temperature\{room="kitchen",site="a\\"b"\} 1$/m)
  assert.match(requests[0]?.body ?? '', /^doors_total\{room="none",site="a\\"b"\} 7$/m)
})

test('an internal error is logged and the snapshot is dropped', async (t) => {
  const { gateway, notify, requests, warnings } = await scene(t)
  gateway.onSnapshot({ snapshot: { timestampMs: 1, series: [undefined as never], values: Float64Array.of(1) } })
  await until(() => gateway.report.pending === 0)
  assert.match(gateway.report.problem ?? '', /undefined/)
  assert.equal(warnings().length, 1)
  assert.match(warnings()[0] ?? '', /level=ERROR msg="Push failed with an internal error, snapshot dropped"/)
  assert.equal(requests.length, 0)
  notify({ kitchen: 1 })
  await until(() => gateway.stats.samples === 2)
  assert.equal(gateway.report.problem, undefined)
})

const failures: Readonly<Record<string, Answer>> = {
  'HTTP 500': [500],
  'HTTP 503': [503],
  'HTTP 429 with Retry-After': [429, '', { 'retry-after': '0' }],
  'HTTP 408': [408],
  'a reset': 'reset',
  'no response': 'hang',
}
for (const [name, answer] of Object.entries(failures)) {
  test(`after ${name} only the newest snapshot is pushed`, async (t) => {
    let isBroken = true
    const patience = answer === 'hang' ? { timeoutMs: 200 } : {}
    const { gateway, requests, notify, warnings, lines } = await scene(
      t,
      () => (isBroken ? answer : undefined),
      patience,
    )
    notify({ kitchen: 1 })
    await until(() => requests.length >= 2)
    notify({ kitchen: 2 })
    notify({ kitchen: 3 })
    await until(() => requests.some(({ body }) => body.includes('"} 3')))
    isBroken = false
    await until(() => gateway.report.pending === 0)
    const values = requests.map(({ body }) => Number(/"\} (\d)$/m.exec(body)?.[1]))
    assert.deepEqual(values, values.toSorted())
    assert.deepEqual([...new Set(values)], [1, 3])
    assert.equal(gateway.stats.skipped, 2)
    assert.equal(gateway.stats.samples, 2)
    assert.ok(gateway.stats.retries >= 2)
    assert.equal(warnings().length, 1, lines.join(''))
    assert.equal(lines.filter((line) => line.includes('Push recovered')).length, 1)
  })
}

test('202 is a success like 200', async (t) => {
  const { gateway, notify } = await scene(t, () => [202])
  notify({ kitchen: 1 })
  await until(() => gateway.stats.samples === 2)
})

const hints: readonly (readonly [status: number, hint: RegExp])[] = [
  [404, /HTTP 404: no such page.*--web\.route-prefix/],
  [405, /HTTP 405: no such page.*does not accept POST/],
]
for (const [status, hint] of hints) {
  test(`${status} logs the usual cause once`, async (t) => {
    const { gateway, requests, notify, warnings } = await scene(t, () => [status, 'no such page\n'])
    notify({ kitchen: 1 })
    await until(() => requests.length >= 1 && gateway.report.problem !== undefined)
    notify({ kitchen: 2 })
    assert.match(gateway.report.problem ?? '', hint)
    assert.match(warnings().join(''), hint)
    assert.equal(warnings().length, 1)
  })
}

test('a rejected snapshot is not sent again, the next one is sent', async (t) => {
  const { gateway, requests, notify, warnings } = await scene(t, (_, number) => (number === 1 ? [413] : undefined))
  notify({ kitchen: 1 })
  await until(() => gateway.report.problem !== undefined)
  assert.equal(gateway.report.pending, 0)
  notify({ kitchen: 2 })
  await until(() => gateway.report.problem === undefined)
  assert.equal(requests.length, 2)
  assert.match(warnings().join(''), /level=ERROR msg="Push rejected, snapshot dropped".*HTTP 413/)
})

test('with an interval, snapshots in between are not pushed', async (t) => {
  const { gateway, requests, notify } = await scene(t, undefined, { intervalMs: 60_000 })
  for (let i = 0; i < 10; i++) {
    notify({ kitchen: i }, 15_000)
    await until(() => requests.length === 1 + Math.floor(i / 4))
    await until(() => i % 4 !== 0 || gateway.report.pending === 0)
  }
  assert.deepEqual(
    requests.map(({ body }) => /"\} (\d)$/m.exec(body)?.[1]),
    ['0', '4', '8'],
  )
})

test('a stop pushes the newest snapshot', async (t) => {
  const { gateway, requests, notify } = await scene(t, undefined, { intervalMs: 60_000 })
  notify({ kitchen: 1 })
  await until(() => gateway.stats.samples === 2)
  notify({ kitchen: 2 })
  await gateway.stop(AbortSignal.timeout(5000))
  assert.match(requests[1]?.body ?? '', /"\} 2$/m)
  assert.equal(gateway.report.pending, 0)
})

test('with delete_on_shutdown a stop deletes the group after the push in flight and pushes nothing more', async (t) => {
  const { gateway, requests, notify } = await scene(t, undefined, { deleteOnShutdown: true })
  notify({ kitchen: 1 })
  await until(() => gateway.stats.samples === 2)
  notify({ kitchen: 2 })
  await gateway.stop(AbortSignal.timeout(5000))
  const methods = requests.map(({ method }) => method)
  assert.equal(methods.at(-1), 'DELETE')
  assert.equal(requests.at(-1)?.path, '/metrics/job/node/instance/h')
  assert.equal(requests.at(-1)?.body, '')
  assert.equal(gateway.report.pending, 0)
})

test('with delete_on_shutdown a stop drops a failing push and deletes the group', async (t) => {
  const { gateway, requests, notify } = await scene(t, ({ method }) => (method === 'PUT' ? [500] : [202]), {
    deleteOnShutdown: true,
  })
  notify({ kitchen: 1 })
  await until(() => requests.length >= 2)
  await gateway.stop(AbortSignal.timeout(5000))
  assert.equal(requests.at(-1)?.method, 'DELETE')
})

test('a stop ends at its deadline even if the gateway does not answer', async (t) => {
  for (const answer of ['hang', [500]] as const) {
    const { gateway, notify } = await scene(t, () => answer, { timeoutMs: 60_000 })
    notify({ kitchen: 1 })
    const begun = Date.now()
    await gateway.stop(AbortSignal.timeout(100))
    assert.ok(Date.now() - begun < 20_000)
    assert.equal(gateway.report.pending, 1)
  }
})

test('with delete_on_start the group is deleted before the first push', async (t) => {
  const { gateway, requests, notify } = await scene(t, (_, number) => (number === 1 ? [500] : [202]), {
    deleteOnStart: true,
    method: 'POST',
  })
  notify({ kitchen: 1 })
  await until(() => gateway.stats.samples === 2)
  assert.deepEqual(
    requests.map(({ method }) => method),
    ['DELETE', 'DELETE', 'POST'],
  )
})
