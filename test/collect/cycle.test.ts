import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCycle } from '../../src/collect/cycle.ts'
import { type Collector, type Context, collector, duration, NoData } from '../../src/collector.ts'
import { Dir } from '../../src/host/fs/dir.ts'
import { textOf } from '../../src/metrics/exposition/write.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { type Log, silent } from '../../src/util/log.ts'
import { TestClock } from '../support/clock.ts'
import { hostOf, valuesOf } from '../support/collect.ts'
import { textFiles } from '../support/tree.ts'

const value = gauge('value', 'A value.', ['of'])

const named = (name: string, collect: (context: Context<Record<never, never>, undefined>) => void | Promise<void>) =>
  collector({ name, about: 'Test.', collect })

/** A cycle of these collectors with a deadline of one second. `lines` are the samples without the durations. */
function cycleOf(...collectors: readonly Collector[]) {
  const clock = new TestClock()
  const logged: string[] = []
  const note =
    (level: string): Log['info'] =>
    (message, fields) =>
      logged.push(`${level} ${message} ${JSON.stringify(fields)}`)
  const cycle = createCycle({
    host: hostOf(() => new Dir(textFiles({}), '')),
    enabled: collectors.map((one) => ({ collector: one, options: valuesOf(one.options) })),
    interfaces: () => true,
    builder: new SnapshotBuilder(new SeriesTable()),
    clock,
    log: { ...silent, error: note('error'), info: note('info'), debug: note('debug') },
    deadlineMs: 1000,
    selfMetrics: () => {},
  })
  const lines = async () =>
    textOf((await cycle(clock.now())).snapshot)
      .split('\n')
      .filter((line) => line !== '' && !/^#|_duration_/.test(line))
  return { clock, cycle, lines, logged }
}

const succeeded = (name: string, as: 0 | 1) => `node_scrape_collector_success{collector="${name}"} ${as}`

test('a failing collector does not affect others, and samples that it emitted before are kept', async () => {
  const { lines, logged } = cycleOf(
    named('bad', ({ emit }) => {
      emit(value, 1, { of: 'bad' })
      throw new Error('broken')
    }),
    named('good', ({ emit }) => emit(value, 2, { of: 'good' })),
  )
  assert.deepEqual(await lines(), [
    succeeded('bad', 0),
    succeeded('good', 1),
    'value{of="bad"} 1',
    'value{of="good"} 2',
  ])
  await lines()
  assert.deepEqual(logged, ['error Collector failed {"component":"collector","collector":"bad","err":"broken"}'])
})

test('NoData is not logged as a failure', async () => {
  const { lines, logged } = cycleOf(
    named('none', () => {
      throw new NoData('none of it')
    }),
  )
  assert.deepEqual(await lines(), [succeeded('none', 0)])
  assert.deepEqual(logged, [
    'debug Collector has no data {"component":"collector","collector":"none","err":"none of it"}',
  ])
})

test('samples of asynchronous collectors are in the order of the collectors', async () => {
  const { clock, cycle } = cycleOf(
    named('slow', async ({ emit }) => {
      await clock.sleep(200)
      emit(value, 1, { of: 'slow' })
    }),
    named('quick', async ({ emit }) => {
      await clock.sleep(100)
      emit(value, 2, { of: 'quick' })
    }),
  )
  const run = cycle(0)
  await clock.pass(500)
  const { snapshot, parts } = await run
  const mine = snapshot.series.filter(({ family }) => family.name === 'value').map(({ labelValues }) => labelValues[0])
  assert.deepEqual(mine, ['slow', 'quick'])
  assert.deepEqual(
    parts.filter(({ from, to }) => to > from).map((part) => part.collector),
    ['slow', 'quick'],
  )
})

test('a hanging collector fails at the deadline, its signal aborts, and later samples are dropped', async () => {
  let signal: AbortSignal | undefined
  const { clock, lines, logged } = cycleOf(
    named('hangs', async (context) => {
      signal = context.signal
      context.emit(value, 1, { of: 'before' })
      await clock.sleep(5000)
      context.emit(value, 2, { of: 'after' })
    }),
    named('waits', async ({ emit }) => {
      await clock.sleep(10)
      emit(value, 3, { of: 'waits' })
    }),
  )
  const run = lines()
  await clock.pass(999)
  assert.equal(signal?.aborted, false)
  await clock.pass(1)
  assert.deepEqual(await run, [
    succeeded('hangs', 0),
    succeeded('waits', 1),
    'value{of="before"} 1',
    'value{of="waits"} 3',
  ])
  assert.equal(signal?.aborted, true)
  await clock.pass(5000)
  const next = lines()
  await clock.pass(1000)
  assert.equal((await next).includes('value{of="after"} 2'), false)
  assert.deepEqual(logged, [
    'error Collector failed {"component":"collector","collector":"hangs","err":"no answer within 1000 ms"}',
  ])
})

test('a failure after the deadline has no effect', async () => {
  const { clock, lines } = cycleOf(
    named('late', async () => {
      await clock.sleep(2000)
      throw new Error('too late')
    }),
  )
  const run = lines()
  await clock.pass(1000)
  assert.deepEqual(await run, [succeeded('late', 0)])
  await clock.pass(2000)
})

test('errors outside of collectors keep their stack traces', async () => {
  const before = Error.stackTraceLimit
  const { lines } = cycleOf(
    named('bad', () => {
      throw new Error('broken')
    }),
  )
  await lines()
  assert.equal(Error.stackTraceLimit, before)
})

/** A collector that waits for `ms` or until its signal aborts, and then emits. */
const waiting = (name: string, clock: () => TestClock, ms: number, more: object = {}) =>
  collector({
    name,
    about: 'Test.',
    ...more,
    async collect({ emit, signal }) {
      await clock().sleep(ms, signal)
      emit(value, 1, { of: name })
    },
  })

test('a collector with its own deadline fails there, and the others keep the shared one', async () => {
  const signals = new Map<string, AbortSignal>()
  const scene = cycleOf(
    waiting('brief', () => scene.clock, 600, { timeoutMs: 500 }),
    waiting('patient', () => scene.clock, 900),
    collector({
      name: 'watching',
      about: 'Test.',
      timeoutMs: 700,
      async collect({ signal }) {
        signals.set('watching', signal)
        await scene.clock.sleep(650)
      },
    }),
    named('shared', async ({ signal }) => {
      signals.set('shared', signal)
      await scene.clock.sleep(990)
    }),
  )
  const run = scene.lines()
  await scene.clock.pass(699)
  assert.equal(signals.get('watching')?.aborted, false)
  await scene.clock.pass(290)
  assert.equal(signals.get('shared')?.aborted, false)
  await scene.clock.pass(11)
  assert.deepEqual(await run, [
    succeeded('brief', 0),
    succeeded('patient', 1),
    succeeded('shared', 1),
    succeeded('watching', 1),
    'value{of="patient"} 1',
  ])
  assert.deepEqual(scene.logged, [
    'error Collector failed {"component":"collector","collector":"brief","err":"no answer within 500 ms"}',
  ])
})

test('the signal of a collector aborts at its own deadline, before the collection ends, and late samples are dropped', async () => {
  let signal: AbortSignal | undefined
  const scene = cycleOf(
    collector({
      name: 'stubborn',
      about: 'Test.',
      timeoutMs: 300,
      async collect(context) {
        signal = context.signal
        await scene.clock.sleep(400)
        context.emit(value, 1, { of: 'late' })
      },
    }),
    waiting('other', () => scene.clock, 800),
  )
  const run = scene.lines()
  await scene.clock.pass(299)
  assert.equal(signal?.aborted, false)
  await scene.clock.pass(1)
  assert.equal(signal?.aborted, true)
  await scene.clock.pass(500)
  assert.deepEqual(await run, [succeeded('other', 1), succeeded('stubborn', 0), 'value{of="other"} 1'])
})

test('a deadline from the options does not extend the collection beyond the shared deadline', async () => {
  const scene = cycleOf(
    collector({
      name: 'option',
      about: 'Test.',
      options: { timeout: duration('200ms', 'Time.') },
      timeoutMs: ({ timeout }) => timeout,
      collect: ({ signal }) => scene.clock.sleep(5000, signal),
    }),
    waiting('long', () => scene.clock, 5000, { timeoutMs: 60_000 }),
  )
  const run = scene.lines()
  await scene.clock.pass(1000)
  assert.deepEqual(await run, [succeeded('long', 0), succeeded('option', 0)])
  assert.deepEqual(scene.logged, [
    'error Collector failed {"component":"collector","collector":"option","err":"no answer within 200 ms"}',
    'error Collector failed {"component":"collector","collector":"long","err":"no answer within 1000 ms"}',
  ])
})

test('a problem with another text in each cycle is logged once a minute, and one that comes and goes six times an hour', async () => {
  let number = 0
  const { clock, lines, logged } = cycleOf(
    named('changing', ({ warn }) => warn(`fault ${number}`)),
    named('alternating', ({ warn }) => {
      if (number % 2 === 0) warn('fault')
    }),
  )
  for (; number < 720; number++) {
    await lines()
    await clock.pass(5000)
  }
  const of = (name: string) => logged.filter((line) => line.includes(`"collector":"${name}"`)).length
  assert.ok(of('changing') <= 60, `${of('changing')} lines`)
  assert.ok(of('changing') >= 55, `${of('changing')} lines`)
  assert.ok(of('alternating') <= 2 * (5 + 6), `${of('alternating')} lines`)
})
