import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Course, Scenario } from './fleet-run.ts'

async function courseOf(scenario: Scenario): Promise<Course> {
  const worker = new Worker(join(import.meta.dirname, 'fleet-run.ts'), { workerData: scenario })
  const [course] = await once(worker, 'message')
  await worker.terminate()
  return course
}

/** The receiver has a capacity of 1.2 times the normal rate, except for cases that test another limit. */
const scenarios: Readonly<Record<string, Scenario>> = {
  'sends Retry-After': { hosts: 1000, limit: 1.2, retryAfter: 20, atOnce: 20 },
  'sends no Retry-After': { hosts: 1000, limit: 1.2, retryAfter: 0, atOnce: 20 },
  'accepts three snapshots per request': { hosts: 250, limit: 3, retryAfter: 0, atOnce: 3 },
}
for (const [what, scenario] of Object.entries(scenarios)) {
  test(`after an outage of ten minutes a fleet catches up without overload at a receiver that ${what}`, async (t) => {
    const { steady, peak, limited, caughtUpMs, collected, delivered } = await courseOf(scenario)
    const ratio = (peak / steady).toFixed(2)
    t.diagnostic(`peak ${ratio} times the steady rate, caught up in ${caughtUpMs / 1000} s, ${limited} times 429`)
    assert.equal(delivered, collected)
    assert.ok(Math.abs(steady / scenario.hosts - 1) < 0.1, `${steady} requests an interval before the outage`)
    assert.ok(peak <= 2 * steady, `${peak} requests in an interval, ${steady} before the outage`)
    assert.ok(caughtUpMs <= 300_000, `caught up after ${caughtUpMs / 1000} s`)
  })
}
