import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Behaviour } from '../../src/receive/receiver.ts'
import { eventually, startPrometheus } from '../servers.ts'
import { faultless, gaps, said } from './judge.ts'
import { type Fate, spoiler } from './proxy.ts'
import { patient, type Rig, rig } from './rig.ts'

/** In turn, for three kills each: long enough for a backlog, and for a catch-up that the next kill cuts short. */
const fates: readonly Fate[] = [
  'answer',
  'fail',
  'answer',
  'hang',
  'answer',
  'commit and reset',
  'answer',
  'commit and hang',
]
const behaviours: Readonly<Record<Fate, Behaviour>> = {
  answer: { delayMs: 5 },
  fail: { status: 503, commit: false },
  hang: { hang: true },
  'commit and reset': { reset: 'after' },
  'commit and hang': { hang: true, commit: true },
}

/** Of the requests in a spell of committing without answering every other one is spoiled, so that it gets on. */
const fateOf = (spell: Fate, number: number): Fate =>
  spell.startsWith('commit') && number % 2 === 0 ? 'answer' : spell

/** Kills the agent again and again, each time at another moment, in front of two receivers: ours and Prometheus. */
export async function killed(t: TestContext, times: number): Promise<void> {
  const prometheus = await startPrometheus(t)
  let spell: Fate = 'answer'
  const scene = await rig(t)
  scene.behave((number) => behaviours[fateOf(spell, number)])
  const blocks = [patient(scene.receiver.url, { name: 'ours' })]
  if (prometheus !== undefined) {
    const url = await spoiler(t, prometheus.url, (number) => fateOf(spell, number))
    blocks.push(patient(url, { name: 'prometheus' }))
  }
  scene.configure({ remote_write: blocks })
  for (let i = 0; i < times; i++) {
    spell = fates[Math.floor(i / 3) % fates.length] ?? 'answer'
    const agent = await scene.agent()
    await sleep(Math.random() * 500)
    await scene.kill(agent)
  }
  spell = 'answer'
  const last = await scene.agent()
  const verdict = await scene.finish(last)
  const durable = scene.durable()
  t.diagnostic(said(`${times} kills`, verdict))
  assert.ok(durable.length > times, `only ${durable.length} snapshots were collected`)
  assert.deepEqual(verdict, { ...verdict, ...faultless })
  if (prometheus !== undefined) {
    const missing = await eventually(
      async () => gaps(durable, await storedIn(prometheus)),
      (count) => count === 0,
      30_000,
    )
    t.diagnostic(`Prometheus: ${missing} of ${durable.length} snapshots have a gap`)
  }
}

/** The times and values of each part, as Prometheus has them. */
async function storedIn(prometheus: NonNullable<Awaited<ReturnType<typeof startPrometheus>>>) {
  const rows = await prometheus.query('fault_time[1h]')
  return new Map(
    rows.map(({ metric, values }) => [
      metric['part'] ?? '',
      new Map(values.map(([seconds, value]) => [Math.round(seconds * 1000), Number(value)])),
    ]),
  )
}

export type { Rig }
