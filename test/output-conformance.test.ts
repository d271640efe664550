import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createAgent } from '../src/agent.ts'
import { openBatchRun } from '../src/batch/index.ts'
import { DiskBuffer, MemoryBuffer } from '../src/buffer/index.ts'
import { collector } from '../src/collector.ts'
import { ConfigError } from '../src/config/error.ts'
import { checkOutput } from '../src/doctor/output.ts'
import { connect } from '../src/http/index.ts'
import { gauge } from '../src/metrics/index.ts'
import { cursorNameOf, openOutput } from '../src/output.ts'
import { outputKinds as registry } from '../src/output-kinds.ts'
import { systemClock } from '../src/util/clock.ts'
import { silent } from '../src/util/log.ts'
import { pushgateway } from './pushgateway/conformance.ts'
import { remoteWrite } from './remote-write/conformance.ts'
import { bootId } from './support/buffer.ts'
import { settled } from './support/clock.ts'
import { jsonLines } from './support/json-lines/conformance.ts'
import {
  type Block,
  collectInto,
  configFile,
  configOf,
  emitted,
  fastClock,
  type KindUnderTest,
  keyOf,
  secretBlock,
  secrets,
  snapshots,
  soon,
  startReceiver,
  underTest,
  until,
} from './support/output-conformance.ts'
import { batchScene, configuredOutput, cursorFor, reloadScene, scene, watchdogScene } from './support/output-scenes.ts'
import { temporary } from './support/servers.ts'
import { commandLine } from './support/terminal.ts'

/*
 * The contract in src/output.ts, from the configuration to the status page: every kind of output passes the same tests.
 * A new kind is one entry here; test/support/output-conformance.ts documents the type of an entry.
 */
const kinds = await Promise.all([remoteWrite, pushgateway, jsonLines].map(underTest))

/** One test for each kind. */
function each(behaviour: string, run: (t: TestContext, kind: KindUnderTest) => Promise<void>): void {
  for (const kind of kinds) test(`${kind.kind}: ${behaviour}`, (t) => run(t, kind))
}

/** Nothing listens there. */
const deadOrigin = 'http://127.0.0.1:1'

test('every kind in the registry is under test', () => {
  const tested = new Set(kinds.map(({ kind }) => kind))
  assert.deepEqual(
    registry.filter(({ kind }) => !tested.has(kind)),
    [],
  )
})

each('a snapshot is delivered, and the report says that nothing is pending', async (t, kind) => {
  const { receiver, output, collect } = await scene(t, kind)
  assert.equal(output.report.pending, 0)
  collect({ load: 1, temperature: 21.5 })
  assert.equal(output.report.pending, 1)
  await until(() => output.report.pending === 0)
  assert.deepEqual(receiver.accepted, [
    { series: 'load{part="a"}', value: 1 },
    { series: 'temperature{part="a"}', value: 21.5 },
  ])
  const { name, url, problem } = output.report
  assert.equal(name, 'default')
  assert.ok(url.startsWith(receiver.origin))
  assert.equal(problem, undefined)
})

each('after HTTP 500 the output retries and delivers: every snapshot in order, or the newest only', async (t, kind) => {
  const { receiver, output, collect, requests } = await scene(t, kind, fastClock)
  receiver.answer = 500
  collect({ load: 1 })
  await requests(3)
  assert.match(output.report.problem ?? '', /HTTP 500: answer 500 of the test/)
  collect({ load: 2 })
  collect({ load: 3 })
  await requests(2) // the second one was encoded after the last snapshot
  receiver.answer = 'accept'
  await until(() => output.report.pending === 0 && output.report.problem === undefined)
  assert.deepEqual(receiver.values('load'), kind.isEvery ? [1, 2, 3] : [3])
})

each('stop returns at its deadline although the receiver sends no answer, and loses no backlog', async (t, kind) => {
  const one = await scene(t, kind)
  const { receiver, output, collect, requests } = one
  receiver.answer = 'hang'
  collect({ load: 1 })
  await requests(1)
  collect({ load: 2 })
  const deadline = new AbortController()
  let isStopped = false
  const stopping = output.stop(deadline.signal).then(() => {
    isStopped = true
  })
  await settled()
  assert.equal(isStopped, false)
  deadline.abort(new Error('the deadline'))
  await soon(stopping)
  assert.equal(output.report.pending, kind.isEvery ? 2 : 1)
  assert.match(output.report.waiting ?? '', /^no answer for \d/)
  if (!kind.isEvery) return
  receiver.answer = 'accept'
  await one.restart()
  await until(() => one.output.report.pending === 0)
  assert.deepEqual(receiver.values('load'), [1, 2])
})

each('stop delivers at once what is pending if the receiver is well', async (t, kind) => {
  const { receiver, output, collect } = await scene(t, kind)
  receiver.answer = 401 // the next attempt would be a minute later
  collect({ load: 1 })
  await until(() => output.report.problem !== undefined)
  collect({ load: 2 })
  receiver.answer = 'accept'
  await soon(output.stop(new AbortController().signal))
  assert.equal(output.report.pending, 0)
  assert.deepEqual(receiver.values('load'), kind.isEvery ? [1, 2] : [2])
})

each('a rejected metric becomes a dead letter, and the others arrive', async (t, kind) => {
  const { receiver, configured, output, buffer, collect } = await scene(t, kind)
  receiver.answer = { reject: 'bad' }
  collect({ bad: 1, good: 2, well: 3 })
  await until(() => output.report.pending === 0)
  assert.deepEqual([new Set(receiver.values('good')), new Set(receiver.values('well'))], [new Set([2]), new Set([3])])
  if (kind.isEvery && buffer instanceof DiskBuffer) {
    const name = cursorNameOf(configured)
    assert.equal(buffer.deadLetters.kept.get(name), 1)
    assert.deepEqual(buffer.stats.dropped.get(name), new Map([['rejected', 1]]))
  } else {
    assert.match(output.rejection?.reason ?? '', /HTTP 400: answer 400 of the test/)
    assert.deepEqual(
      [...(output.rejection?.series ?? [])].map(({ family }) => family.name),
      ['bad'],
    )
  }
})

each('a batch command saves what the receiver rejected as a dead letter', async (t, kind) => {
  const receiver = await startReceiver(t, kind)
  receiver.answer = { reject: 'bad' }
  const directory = temporary(t)
  const config = await configOf(configFile(t, kind, [kind.block(receiver.origin)], { buffer: { directory } }), kind)
  const run = await openBatchRun(config, { clock: systemClock, log: silent, connect, bootId }, { sync: 'end' })
  const last = async () => ({ snapshots: [snapshots()({ bad: 1, good: 2 })] })
  const results = await run.finish(last, AbortSignal.timeout(20_000))
  assert.deepEqual(
    results.map(({ delivered, kept, rejected, lost }) => ({ delivered, kept, rejected, lost })),
    [{ delivered: 1, kept: 0, rejected: 1, lost: 0 }],
  )
  assert.equal(readdirSync(join(directory, 'dead-letters')).length, 1)
})

each('after a reload a block with the same words is the same output', async (t, kind) => {
  const { a, b, set, blockA, blockB, reload, collect, pending } = await reloadScene(t, kind)
  await reload(blockA)
  const [before] = set.all
  await reload(blockA, blockB)
  assert.equal(set.all[0], before)
  collect(1)
  await until(() => pending() === 0)
  assert.deepEqual([a.values('load'), b.values('load')], [[1], [1]])
})

each('a block of another kind with the same words is another output', async (t, kind) => {
  const { a, set, blockA, reload } = await reloadScene(t, kind)
  await reload(blockA)
  const twin = { ...kind, kind: 'twin', outputKind: { ...kind.outputKind, kind: 'twin', cursorPrefix: 'twin:' } }
  const shape = { buffer: { mode: 'memory' } }
  const { outputs } = await configOf(configFile(t, twin, [{ ...kind.block(a.origin), name: 'a' }], shape), twin)
  const [before] = set.all
  await (await set.prepare({ outputs }))()
  assert.notEqual(set.all[0], before)
})

each('after a reload a changed block is a new output: its counters continue, and nothing is lost', async (t, kind) => {
  const { a, set, blockA, reload, collect, pending } = await reloadScene(t, kind)
  const counters = () =>
    new Map(
      emitted((emit) => set.emit(emit))
        .filter(({ family, labels }) => family.type === 'counter' && labels['remote_name'] === 'a')
        .map((one) => [keyOf(one), one.value]),
    )
  await reload(blockA)
  collect(1)
  await until(() => pending() === 0)
  a.answer = 'hang'
  const seen = a.requests
  collect(2)
  await until(() => a.requests > seen)
  a.answer = 'accept' // the request that is under way gets no answer
  const [old, before] = [set.all[0], counters()]
  await soon(reload({ ...blockA, headers: { 'X-Changed': 'yes' } }))
  assert.notEqual(set.all[0], old)
  const after = counters()
  for (const [key, value] of before)
    assert.ok((after.get(key) ?? 0) >= value, `${key}: ${value}, then ${after.get(key)}`)
  assert.ok([...before.values()].some((value) => value > 0))
  collect(3)
  await until(() => pending() === 0)
  assert.deepEqual(a.values('load'), kind.isEvery ? [1, 2, 3] : [1, 3])
})

each('after a reload a removed output is stopped, and its backlog is kept', async (t, kind) => {
  const { a, b, set, blockA, blockB, reload, collect, pending } = await reloadScene(t, kind, fastClock)
  await reload(blockA, blockB)
  b.answer = 401
  collect(1)
  await until(() => a.values('load').length === 1 && b.requests > 0)
  await soon(reload(blockA))
  assert.equal(set.all.length, 1)
  collect(2)
  await until(() => pending() === 0)
  assert.deepEqual([a.values('load'), b.sent('load').includes(2)], [[1, 2], false])
  b.answer = 'accept'
  await reload(blockA, blockB)
  collect(3)
  await until(() => pending() === 0)
  assert.deepEqual([a.values('load'), b.values('load')], [[1, 2, 3], kind.isEvery ? [1, 2, 3] : [3]])
})

each('after a reload every output retries at once: a token may have been repaired', async (t, kind) => {
  const { a, set, blockA, reload, collect, pending } = await reloadScene(t, kind)
  await reload(blockA)
  a.answer = 401 // the next attempt would be a minute later
  collect(1)
  await until(() => /HTTP 401/.test(set.all[0]?.report.problem ?? ''))
  a.answer = 'accept'
  await reload(blockA)
  await until(() => pending() === 0)
  assert.deepEqual(a.values('load'), [1])
})

each('the watchdog sees an output that is stuck in a request, and restart makes it deliver again', async (t, kind) => {
  const { clock, stub, output, collect, anotherRequest, delivered } = await watchdogScene(t, kind)
  await clock.pass(7_200_000)
  assert.equal(output.stalledMs(), 0, 'an output without work is not stuck')

  stub.answer = 500
  collect(1)
  for (let i = 0; i < 50; i++) {
    await anotherRequest(80_000) // the longest backoff is 78 s
    assert.equal(output.stalledMs(), 0, 'an output that waits for a retry is not stuck')
  }
  assert.match(output.report.problem ?? '', /HTTP 500/)

  stub.answer = 'hang'
  await anotherRequest(80_000)
  await clock.pass(7_200_000)
  const { completed } = output
  const stalledMs = output.stalledMs()
  assert.ok(stalledMs > 0)
  await clock.pass(60_000)
  assert.equal(output.stalledMs(), stalledMs + 60_000)
  output.restart()
  assert.equal(output.stalledMs(), 0)
  await anotherRequest(1000)
  assert.equal(output.completed, completed, 'an abandoned request is no progress')

  stub.answer = 'accept'
  output.restart()
  await delivered()
  assert.equal(output.stalledMs(), 0)
  assert.ok(output.completed > completed)
})

each('self metrics name the output and its URL, without secrets, and no series comes twice', async (t, kind) => {
  const receiver = await startReceiver(t, kind)
  const blocks = ['a', 'b'].map((name) => ({ ...secretBlock(kind, receiver.origin), name }))
  const { outputs } = await configOf(configFile(t, kind, blocks), kind)
  const buffer = new MemoryBuffer(1e6)
  const deps = { clock: systemClock, log: silent, connect }
  const opened = await Promise.all(outputs.map((one) => openOutput(one, deps, cursorFor(kind, buffer, one))))
  t.after(() => Promise.all(opened.map((one) => one.stop(AbortSignal.abort()))))
  collectInto(buffer, opened, snapshots()({ load: 1 }))
  await until(() => opened.every(({ report }) => report.pending === 0))
  const context = { nowMs: systemClock.now(), appendedSamples: 1 }
  const samples = emitted((emit) => kind.outputKind.selfMetrics(emit, opened, context))
  for (const { report } of opened) {
    const own = samples.filter(({ labels }) => labels['remote_name'] === report.name)
    assert.ok(own.length > 3)
    for (const one of own) assert.equal(one.labels['url'], report.url, keyOf(one))
  }
  for (const one of samples)
    assert.ok(Object.keys(one.labels).length === 0 || 'remote_name' in one.labels, `whose is ${keyOf(one)}?`)
  assert.doesNotMatch(JSON.stringify([samples, opened.map(({ report }) => report)]), secrets)
  assert.equal(new Set(samples.map(keyOf)).size, samples.length)
})

each('a mistake in the configuration is reported with its place', async (t, kind) => {
  const good = kind.block('http://receiver.test')
  const { url, ...withoutUrl } = good
  const cases: readonly (readonly [blocks: readonly object[], problem: string])[] = [
    [[{ ...good, nmae: 'a' }], `${kind.kind}[0].nmae: unknown key, did you mean name?`],
    [[withoutUrl], `${kind.kind}[0].url: `],
    [
      [
        { ...good, name: 'a' },
        { ...good, name: 'a' },
      ],
      `${kind.kind}[1].name: ${kind.kind}[0] already has the name a`,
    ],
  ]
  for (const [blocks, problem] of cases)
    await assert.rejects(configOf(configFile(t, kind, blocks), kind), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(error.problems.length, 1)
      assert.ok(error.problems[0]?.includes(problem), error.message)
      return true
    })
  const file = configFile(t, kind, [secretBlock(kind, 'http://receiver.test')])
  const args = ['check', `--config.file=${file}`]
  const { status, out } = await commandLine(args, {}, AbortSignal.abort(), '', [kind.registered])
  assert.equal(status, 0)
  assert.match(out, /^ {2}http:\/\/receiver\.test\/.*key=\*\*\*/m)
  assert.doesNotMatch(out, secrets)
})

each('doctor accepts a good receiver, and reports a dead port and wrong credentials as failures', async (t, kind) => {
  const receiver = await startReceiver(t, kind)
  const check = async (block: Block) =>
    checkOutput(await configuredOutput(t, kind, block), new Map(), { clock: systemClock, connect })
  const good = await check(kind.block(receiver.origin))
  assert.deepEqual(new Set(good.map(({ level }) => level)), new Set(['ok']))
  assert.deepEqual(receiver.accepted, [])
  const dead = await check(kind.block(deadOrigin))
  assert.equal(dead.find(({ thing }) => thing === 'default tcp')?.level, 'fail')
  receiver.answer = 401
  const locked = (await check(secretBlock(kind, receiver.origin))).find(({ thing }) => thing === 'default access')
  assert.equal(locked?.level, 'fail')
  assert.match(locked?.text ?? '', /HTTP 401/)
  assert.ok(locked?.remedy)
  assert.doesNotMatch(JSON.stringify(locked), secrets)
})

each(
  'push: status 0 if delivered, 3 if the samples stay in the spool; the next command delivers them first',
  async (t, kind) => {
    const receiver = await startReceiver(t, kind)
    const { run, push, spooled } = batchScene(t, kind)
    for (const value of [1, 2]) {
      const { status, err } = await push(deadOrigin, `load ${value}\n`, '1s')
      assert.deepEqual([status, spooled()], [3, value])
      assert.match(err, /^hostpush: 1 of 1 sample for http:\S+ not delivered, kept in the buffer.*ECONNREFUSED/)
    }
    const { status, out, err } = await push(receiver.origin, 'load 3\n')
    assert.equal(status, 0, err)
    assert.match(out, /^hostpush: 1 sample delivered to http:/)
    assert.deepEqual([receiver.values('load'), spooled()], [[1, 2, 3], 0])
    const flag = `--${kind.registered.flag.name}=${kind.block(receiver.origin).url}`
    assert.equal((await run(['push', '--job=j', flag], 'load 4\n')).status, 0)
    assert.deepEqual(receiver.values('load'), [1, 2, 3, 4])
  },
)

each('push: status 1 and a dead letter if the receiver rejects a metric', async (t, kind) => {
  const receiver = await startReceiver(t, kind)
  receiver.answer = { reject: 'bad' }
  const { push, spooled, deadLetters } = batchScene(t, kind)
  const { status, err } = await push(receiver.origin, 'bad 1\ngood 2\n')
  assert.equal(status, 1)
  assert.match(err, /1 of 2 samples for http:.*rejected.*answer 400 of the test/)
  assert.deepEqual([new Set(receiver.values('good')), receiver.values('bad')], [new Set([2]), []])
  assert.deepEqual([deadLetters(), spooled()], [1, 0])
})

each(
  'once: status 0 if delivered, 3 if the samples stay in the spool; the next command delivers them',
  async (t, kind) => {
    const receiver = await startReceiver(t, kind)
    const { run, fileFor, spooled } = batchScene(t, kind)
    const texts = temporary(t)
    const once = (origin: string, load: number, timeout: string) => {
      writeFileSync(join(texts, 'load.prom'), `load ${load}\n`)
      const collectors = { disable_defaults: true, textfile: { enabled: true, directory: [texts] } }
      return run(['once', `--config.file=${fileFor(origin, { collectors })}`, `--timeout=${timeout}`])
    }
    const dead = await once(deadOrigin, 1, '2s')
    assert.deepEqual([dead.status, spooled()], [3, 1], dead.err)
    const good = await once(receiver.origin, 2, '10s')
    assert.equal(good.status, 0, good.err)
    // a snapshot that replaces all at its place makes an older one obsolete
    assert.deepEqual([receiver.values('load'), spooled()], [kind.outputKind.replaces ? [2] : [1, 2], 0])
  },
)

each('the agent delivers to one output while another is dead, and its status page names both', async (t, kind) => {
  const receiver = await startReceiver(t, kind)
  const load = gauge('load', 'The number of collections.')
  let collected = 0
  const counting = collector({
    name: 'counting',
    about: 'Reports the number of collections.',
    collect: ({ emit }) => emit(load, ++collected),
  })
  const blocks = [
    { ...kind.block(deadOrigin), name: 'dead' },
    { ...kind.block(receiver.origin), name: 'alive' },
  ]
  const shape = {
    buffer: { directory: temporary(t) },
    web: { listen_address: ['127.0.0.1:0'] },
    flush_timeout: '1s',
  }
  const config = await configOf(configFile(t, kind, blocks, shape), kind, [counting])
  const agent = await createAgent(config, { clock: systemClock, log: silent, connect })
  const stop = new AbortController()
  const running = agent.run(stop.signal)
  t.after(async () => {
    stop.abort(new Error('over'))
    await running
  })
  await until(() => receiver.values('load').length >= 3 && agent.outputs[0]?.report.problem !== undefined)
  const page = await (await fetch(`http://${agent.addresses[0]}/`)).text()
  assert.match(page, /<th>dead http:[^<]*<\/th><td>[^<]*ECONNREFUSED/)
  assert.match(page, /<th>alive http:[^<]*<\/th><td>delivering<\/td>/)
  stop.abort(new Error('over'))
  const undelivered = await running
  assert.deepEqual(
    undelivered.map(({ name, snapshots, isBuffered }) => [name, snapshots, isBuffered]),
    [kind.isEvery ? ['dead', collected, true] : ['dead', 1, false]],
  )
  const values = receiver.values('load')
  if (kind.isEvery)
    assert.deepEqual(
      values,
      Array.from({ length: collected }, (_, i) => i + 1),
    )
  else assert.deepEqual([values.at(-1), values], [collected, values.toSorted((left, right) => left - right)])
})
