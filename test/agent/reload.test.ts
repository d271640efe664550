import assert from 'node:assert/strict'
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createAgent } from '../../src/agent.ts'
import { runningAgent } from '../../src/batch/run-log.ts'
import { collector } from '../../src/collector.ts'
import { readConfig } from '../../src/config/index.ts'
import type { Receiver } from '../../src/demo-receiver/receiver.ts'
import { connect } from '../../src/http/transport/connection.ts'
import { gauge } from '../../src/metrics/family.ts'
import { Endpoint } from '../../src/remote-write/endpoint.ts'
import { systemClock } from '../../src/util/clock.ts'
import { createLog } from '../../src/util/log.ts'
import { until } from '../remote-write/scene.ts'
import { createFaultyReceiver, type FaultScript } from '../support/faulty-receiver.ts'
import { outputKinds } from '../support/outputs.ts'
import { hostpush, temporary } from '../support/servers.ts'

const number = gauge('test_number', 'How many snapshots were collected.')

/** An agent that collects a growing number, and a way to write another configuration. */
async function scene(t: TestContext, receiver: Receiver, more: object = {}) {
  const folder = temporary(t)
  const file = join(folder, 'config.json')
  let collected = 0
  const counting = collector({
    name: 'counting',
    about: 'Reports the number of collections.',
    collect({ proc, emit }) {
      proc.read('loadavg')
      emit(number, ++collected)
    },
  })
  const lines: string[] = []
  const log = createLog('info', 'logfmt', (line) => lines.push(line), Date.now)
  const a = (changes: object = {}) => ({
    name: 'a',
    url: `${receiver.url}/api/v1/write`,
    metadata_config: { send: false },
    queue_config: { pacing: 'off', min_backoff: '5ms', max_backoff: '50ms' },
    remote_timeout: '300ms',
    ...changes,
  })
  const write = (shape: object) => {
    const fixed = { buffer: { directory: join(folder, 'buffer') }, web: { listen_address: [] }, ...more }
    writeFileSync(file, JSON.stringify({ global: { scrape_interval: '40ms' }, instance: 'h', ...fixed, ...shape }))
  }
  const reread = () =>
    readConfig({ flags: new Map([['config.file', file]]), environment: {}, collectors: [counting], outputKinds })
  write({ remote_write: [a()] })
  const agent = await createAgent(await reread(), { clock: systemClock, log, connect, reread })
  const stop = new AbortController()
  const running = agent.run(stop.signal)
  t.after(() => stop.abort(new Error('over'))) // a failed test has not stopped it
  const end = async () => {
    stop.abort(new Error('over'))
    assert.deepEqual(await running, [])
  }
  return { a, agent, lines, write, end, directory: join(folder, 'buffer'), collected: () => collected }
}

async function receiverOf(t: TestContext, faultPlan?: FaultScript): Promise<Receiver> {
  const receiver = await createFaultyReceiver({ ledger: true, ...(faultPlan && { faultPlan }) })
  t.after(() => receiver.close())
  return receiver
}

/** The received numbers, in order. */
const numbersAt = ({ ledger }: Receiver) =>
  ledger.filter(({ series, stale }) => series.startsWith('test_number') && !stale).map(({ value }) => value)

/** The newest value of a self metric. */
const newestOf = ({ ledger }: Receiver, name: string) => ledger.findLast(({ series }) => series.startsWith(name))?.value

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

test('a reload keeps an unchanged endpoint running and starts a new endpoint with the next snapshot', async (t) => {
  const [first, second] = [await receiverOf(t), await receiverOf(t)]
  const { a, agent, write, end, collected } = await scene(t, first)
  await until(() => numbersAt(first).length >= 3)
  const [before] = agent.outputs
  write({ remote_write: [a(), a({ name: 'b', url: `${second.url}/api/v1/write` })] })
  assert.deepEqual(await agent.reload(), [])
  assert.equal(agent.outputs[0], before)
  await until(() => numbersAt(second).length >= 3)
  write({ remote_write: [a()] })
  assert.deepEqual(await agent.reload(), [])
  const seen = numbersAt(second).length
  const more = numbersAt(first).length + 5
  await until(() => numbersAt(first).length >= more)
  await end()
  assert.ok(numbersAt(second).length <= seen + 1)
  assert.deepEqual(numbersAt(first), upTo(collected()))
})

test('an endpoint that changes during a hanging request loses no sample and gets no rejection', async (t) => {
  let hangs = false
  const behaviour = () => (hangs ? { hang: true, commit: true } : undefined)
  const receiver = await receiverOf(t, behaviour)
  const { a, agent, write, end, collected } = await scene(t, receiver)
  await until(() => numbersAt(receiver).length >= 3)
  hangs = true
  const asked = receiver.stats.requests
  await until(() => receiver.stats.requests > asked)
  write({ remote_write: [a({ headers: { 'X-Scope-OrgID': 'another' } })] })
  assert.deepEqual(await agent.reload(), [])
  hangs = false
  const more = collected() + 5
  await until(() => Math.max(...numbersAt(receiver)) >= more)
  await end()
  assert.deepEqual([...new Set(numbersAt(receiver))], upTo(collected()))
  const [endpoint] = agent.outputs
  assert.ok(endpoint instanceof Endpoint)
  assert.ok(endpoint.stats.samples >= collected() - 2, 'its numbers go on')
  assert.equal(endpoint.stats.samplesFailed, 0)
})

test('a reload logs the warnings of the new configuration; a failed reload logs none', async (t) => {
  const receiver = await receiverOf(t)
  const { a, agent, lines, write, end } = await scene(t, receiver)
  const warnings = () => lines.filter((line) => line.includes('Configuration warning'))
  assert.deepEqual(warnings(), [])
  const remote_write = [a({ send_exemplars: true })]
  write({ remote_write, instance: '${nothing}' })
  assert.equal((await agent.reload()).length, 1)
  assert.deepEqual(warnings(), [])
  write({ remote_write })
  assert.deepEqual(await agent.reload(), [])
  assert.equal(warnings().length, 1)
  assert.match(warnings()[0] ?? '', /level=WARN .*warning="remote_write\[0\]\.send_exemplars: has no effect/)
  await end()
})

test('a paused endpoint retries at a reload, because its token may have been repaired', async (t) => {
  let isRight = false
  const receiver = await receiverOf(t, () => (isRight ? undefined : { status: 401, commit: false }))
  const { agent, lines, end, collected } = await scene(t, receiver)
  await until(() => lines.some((line) => line.includes('HTTP 401')))
  isRight = true
  const asked = receiver.stats.requests
  assert.deepEqual(await agent.reload(), [])
  await until(() => receiver.stats.requests > asked)
  await end()
  assert.deepEqual(numbersAt(receiver), upTo(collected()))
})

test('a new interval, labels and collectors are in effect from the next collection on', async (t) => {
  const receiver = await receiverOf(t)
  const { a, agent, write, end } = await scene(t, receiver)
  await until(() => numbersAt(receiver).length >= 2)
  const global = { scrape_interval: '20ms', external_labels: { site: 'lab' } }
  write({ remote_write: [a()], global, collectors: { counting: { enabled: false } } })
  assert.deepEqual(await agent.reload(), [])
  const isNew = (series: string) => series.startsWith('up{') && series.includes('site="lab"')
  await until(() => receiver.ledger.some(({ series }) => isNew(series)))
  const count = numbersAt(receiver).length
  const later = receiver.ledger.length + 100
  await until(() => receiver.ledger.length >= later)
  await end()
  assert.equal(numbersAt(receiver).length, count)
  assert.equal(newestOf(receiver, 'hostpush_config_last_reload_successful'), 1)
})

test('a configuration with errors is not applied: every error is logged and the previous configuration stays', async (t) => {
  const receiver = await receiverOf(t)
  const { a, agent, lines, write, end, collected } = await scene(t, receiver)
  await until(() => numbersAt(receiver).length >= 2)
  write({ remote_write: [a({ remote_timeout: 'soon' }), a({ metrics: 'none' })] })
  const problems = await agent.reload()
  assert.equal(problems.length, 2, problems.join('\n'))
  await until(() => newestOf(receiver, 'hostpush_config_last_reload_successful') === 0)
  assert.equal(lines.filter((line) => line.includes('Configuration reload failed')).length, 2)
  write({ remote_write: [a()], buffer: { mode: 'memory' } })
  assert.deepEqual(await agent.reload(), ['buffer: has changed: restart the agent to apply it'])
  write({ remote_write: [a({ tls_config: { ca_file: '/none' } })] })
  assert.equal((await agent.reload()).length, 1)
  write({ remote_write: [a()] })
  assert.deepEqual(await agent.reload(), [])
  await until(() => newestOf(receiver, 'hostpush_config_last_reload_successful') === 1)
  await end()
  assert.deepEqual(numbersAt(receiver), upTo(collected()))
})

test('SIGHUP reloads the configuration, and so does a POST if that is enabled', async (t) => {
  const receiver = await receiverOf(t)
  const file = join(temporary(t), 'config.json')
  const write = (shape: object) => {
    const web = { listen_address: ['127.0.0.1:0'], enable_lifecycle: true }
    const remote = [{ url: `${receiver.url}/api/v1/write` }]
    writeFileSync(file, JSON.stringify({ global: { scrape_interval: '200ms' }, web, remote_write: remote, ...shape }))
  }
  write({})
  const agent = hostpush(t, ['run', `--config.file=${file}`])
  await agent.until(/Agent running/)
  const [, address] = /Listening.*address=(\S+)/.exec(agent.output()) ?? []
  const post = async (method = 'POST') => {
    const answer = await fetch(`http://${address}/-/reload`, { method })
    return [answer.status, await answer.text()] as const
  }
  write({ job: 'another' })
  agent.child.kill('SIGHUP')
  await agent.until(/Configuration reloaded/)
  await until(() => receiver.ledger.some(({ series }) => series.includes('job="another"')))
  assert.deepEqual(await post(), [200, 'Configuration reloaded.\n'])
  assert.equal((await post('GET'))[0], 405)
  write({ job: 7 })
  const [status, text] = await post()
  assert.equal(status, 500)
  assert.match(text, /job: invalid value, expected a text/)
  write({ web: { listen_address: ['127.0.0.1:0'] } })
  assert.deepEqual(await post(), [500, 'web: has changed: restart the agent to apply it\n'])
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 0)
})

test('a SIGHUP during the start does not end the agent: it reloads the file once it runs', async (t) => {
  const receiver = await receiverOf(t)
  const file = join(temporary(t), 'config.json')
  const shape = { web: { listen_address: [] }, remote_write: [{ url: `${receiver.url}/api/v1/write` }] }
  writeFileSync(file, JSON.stringify({ ...shape, instance: 'first' }))
  const agent = hostpush(t, ['run', `--config.file=${file}`])
  await agent.until(/Agent starting/) // the configuration has been read
  writeFileSync(file, JSON.stringify({ ...shape, instance: 'second' }))
  agent.child.kill('SIGHUP')
  await agent.until(/Agent running.*instance=first[\s\S]*Configuration reloaded/)
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 0)
})

test('the control channel answers with the current identity and URLs', async (t) => {
  const [first, second] = [await receiverOf(t), await receiverOf(t)]
  const { a, agent, write, end, directory } = await scene(t, first)
  const asked = async () => {
    const { identity, urls } = (await runningAgent(directory)) ?? {}
    return [identity?.['instance'], urls]
  }
  assert.deepEqual(await asked(), ['h', [`${first.url}/api/v1/write`]])
  write({ remote_write: [a({ url: `${second.url}/api/v1/write` })], instance: 'other' })
  assert.deepEqual(await agent.reload(), [])
  assert.deepEqual(await asked(), ['other', [`${second.url}/api/v1/write`]])
  await end()
})

test('a reload with the same identity adds no new series', async (t) => {
  const receiver = await receiverOf(t)
  const { a, agent, write, end } = await scene(t, receiver)
  const added = () =>
    receiver.ledger.filter(({ series }) => series.startsWith('scrape_series_added')).map(({ value }) => value)
  await until(() => added().length >= 3)
  write({ remote_write: [a({ headers: { 'X-Scope-OrgID': 'another' } })] })
  assert.deepEqual(await agent.reload(), [])
  const enough = added().length + 3
  await until(() => added().length >= enough)
  await end()
  const [all = 0, ...later] = added().slice(0, enough)
  // some self metrics start with the first response
  assert.ok(Math.max(...later) < all / 4, added().join(' '))
})

test('a hundred simultaneous reload requests cause at most two reloads, and the newest file is in effect', async (t) => {
  const receiver = await receiverOf(t)
  const { a, agent, lines, write, end } = await scene(t, receiver)
  const early = agent.reload()
  write({ remote_write: [a({ name: 'b' })] })
  await Promise.all([early, ...Array.from({ length: 100 }, () => agent.reload())])
  assert.deepEqual(
    agent.outputs.map(({ name }) => name),
    ['b'],
  )
  assert.ok(lines.filter((line) => line.includes('Configuration reloaded')).length <= 2)
  await end()
})

test('a reload closes the files of the previous collectors', async (t) => {
  const receiver = await receiverOf(t)
  const { a, agent, write, end, collected } = await scene(t, receiver)
  const open = () => readdirSync('/proc/self/fd').filter(isLoad).length
  const isLoad = (name: string) => linkOf(`/proc/self/fd/${name}`).endsWith('/loadavg')
  for (let i = 0; i < 4; i++) {
    write({ remote_write: [a()], global: { scrape_interval: '10ms', external_labels: { number: String(i) } } })
    assert.deepEqual(await agent.reload(), [])
    const enough = collected() + 3
    await until(() => collected() >= enough)
    assert.equal(open(), 1)
  }
  await end()
  assert.equal(open(), 0)
})

/** Empty if it no longer exists. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
