import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../support/servers.ts'
import { faultless, verdictText } from './judge.ts'
import { patient, rig } from './rig.ts'

/**
 * The receiver is unreachable for `intervals` intervals. Halfway the agent is killed and restarted with another URL,
 * token, rules, external labels and host name. Then the receiver starts.
 */
export async function away(t: TestContext, intervals: number, intervalMs: number): Promise<void> {
  const scene = await rig(t, { intervalMs })
  const nobody = `http://127.0.0.1:${await freePort()}`
  const tokens = new Set<string>()
  scene.behave((_, { authorization = '' }) => {
    tokens.add(authorization)
    return undefined
  })
  const token = (credentials: string) => ({ authorization: { credentials } })
  const half = async () => {
    const agent = await scene.agent()
    const target = scene.durable().length + intervals / 2
    while (scene.durable().length < target) await sleep(50)
    await scene.kill(agent)
  }
  scene.configure({ remote_write: [patient(nobody, token('old'))], global: global(intervalMs, 'before') })
  await half()
  const renamedMs = Date.now()
  const rules = [{ target_label: 'rule', replacement: 'new' }]
  const changed = { instance: 'two', global: global(intervalMs, 'after') }
  scene.configure({ ...changed, remote_write: [patient(nobody, { ...token('new'), write_relabel_configs: rules })] })
  await half()
  scene.configure({ remote_write: [patient(scene.receiver.url, { ...token('new'), write_relabel_configs: rules })] })
  const last = await scene.agent()
  const verdict = await scene.finish(last)
  t.diagnostic(verdictText(`receiver away for ${intervals} intervals`, verdict))
  assert.deepEqual(verdict, { ...verdict, ...faultless })
  assert.ok(verdict.snapshots >= intervals)
  assert.deepEqual([...tokens], ['Bearer new'])
  const wrong = scene.receiver.ledger.filter(({ series, timestampMs, stale }) => {
    if (stale) return false // stale markers of the old series
    const agentInfo = timestampMs < renamedMs ? ['one', 'before'] : ['two', 'after']
    return !series.includes(`instance="${agentInfo[0]}",job="faults"`) || !series.includes(`site="${agentInfo[1]}"`)
  })
  assert.deepEqual(wrong.slice(0, 3), [], 'whose samples they are is what was true when they were taken')
  assert.ok(scene.receiver.ledger.every(({ series }) => series.includes('rule="new"')))
}

const global = (intervalMs: number, site: string) => ({
  scrape_interval: `${intervalMs}ms`,
  external_labels: { site },
})
