import { test } from 'node:test'
import { assertJudged } from '../remote-write/judged.ts'

const count = process.env['FAULTS'] === 'short' ? 2000 : 10_000

for (const version of [1, 2] as const)
  test(`Prometheus reads ${count} random snapshots in remote-write ${version}.0 without a difference`, (t) =>
    assertJudged(t, version, count))
