import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultPlan } from '../support/faulty-receiver.ts'
import { type Running, startPrometheus } from '../support/servers.ts'
import { faultless, gaps, incomplete, verdictText } from './judge.ts'
import { type Fate, spoiler } from './proxy.ts'
import { patient, rig } from './rig.ts'

/**
 * The behaviours of the receiver, in turn for three kills each: long enough for a backlog, and for a catch-up that the
 * next kill interrupts.
 */
const results: readonly Fate[] = [
  'answer',
  'fail',
  'answer',
  'hang',
  'answer',
  'commit and reset',
  'answer',
  'commit and hang',
]
const behaviours: Readonly<Record<Fate, FaultPlan>> = {
  answer: {},
  fail: { status: 503, commit: false },
  hang: { hang: true },
  'commit and reset': { reset: 'after' },
  'commit and hang': { hang: true, commit: true },
}

/** While the receiver commits without an answer, this breaks every other request only, so that delivery progresses. */
const fateOf = (spell: Fate, number: number): Fate =>
  spell.startsWith('commit') && number % 2 === 0 ? 'answer' : spell

/** Kills the agent repeatedly, at different moments, with two receivers: the test receiver and Prometheus. */
export async function killed(t: TestContext, times: number): Promise<void> {
  const prometheus = await startPrometheus(t)
  let spell: Fate = 'answer'
  const scene = await rig(t, { intervalMs: 15 })
  // a slow receiver: during the first half of the kills the agent never catches up
  let delayMs = 30
  scene.behave((number) => ({ delayMs, ...behaviours[fateOf(spell, number)] }))
  const queue_config = { ...patient('').queue_config, max_samples_per_send: 150 }
  const blocks = [patient(scene.receiver.url, { name: 'ours', queue_config })]
  if (prometheus !== undefined) {
    const url = await spoiler(t, prometheus.url, (number) => fateOf(spell, number))
    blocks.push(patient(url, { name: 'prometheus', queue_config }))
  }
  scene.configure({ remote_write: blocks })
  const behind: number[] = []
  const logs: string[] = []
  for (let i = 0; i < times; i++) {
    const isSlow = i < times / 2
    spell = results[Math.floor(isSlow ? i / 3 : i) % results.length] ?? 'answer'
    if (!isSlow) delayMs = 0
    const agent = await scene.agent()
    if (!isSlow && spell === 'answer') await scene.caughtUp(10_000)
    await sleep(Math.random() * 600)
    await scene.kill(agent)
    logs.push(`kill ${i + 1} at ${Date.now()} (${spell})`, ...unusual(agent))
    const newestMs = scene.receiver.ledger.at(-1)?.timestampMs ?? 0
    behind.push(scene.durable().filter(({ timestampMs }) => timestampMs > newestMs).length)
  }
  const live = behind.filter((count) => count <= 2).length
  t.diagnostic(`${live} kills live, ${times - live} with a backlog of up to ${Math.max(...behind)} snapshots`)
  spell = 'answer'
  delayMs = 0
  scene.configure({ global: { scrape_interval: '1s' } }) // from here on a busy host catches up too
  const last = await scene.agent()
  const missing = async () => (prometheus === undefined ? 0 : gaps(scene.durable(), await storedIn(prometheus)))
  const verdict = await scene.finish(last, missing)
  logs.push(...unusual(last))
  const durable = scene.durable()
  t.diagnostic(verdictText(`${times} kills`, verdict))
  assert.ok(durable.length > times, `only ${durable.length} snapshots were collected`)
  const details = () => [...incomplete(durable, scene.receiver.ledger), ...logs].join('\n')
  if (verdict.missing > 0) t.diagnostic(details())
  assert.deepEqual(verdict, { ...verdict, ...faultless })
  if (prometheus === undefined) return
  const gap = await missing()
  t.diagnostic(`Prometheus: ${gap} of ${durable.length} snapshots have a gap`)
  assert.equal(gap, 0, logs.join('\n'))
}

/** Warnings and errors of the agent, without the expected ones. */
const unusual = (agent: Running) =>
  agent
    .output()
    .split('\n')
    .filter((line) => /level=(WARN|ERROR)|had been accepted/.test(line) && !/Remote write failed, retrying/.test(line))

/** The times and values of each part in Prometheus. */
async function storedIn(prometheus: NonNullable<Awaited<ReturnType<typeof startPrometheus>>>) {
  const rows = await prometheus.query('fault_time[1h]')
  return new Map(
    rows.map(({ metric, values }) => [
      metric['part'] ?? '',
      new Map(values.map(([seconds, value]) => [Math.round(seconds * 1000), Number(value)])),
    ]),
  )
}
