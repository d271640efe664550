import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { diskIn } from '../../src/buffer/disk/filesystem.ts'
import { openBuffer } from '../../src/buffer/index.ts'
import { checkAgent } from '../../src/doctor/agent-status.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { temporary } from '../support/servers.ts'

test('the remedy for a full disk names min_free', async (t) => {
  const directory = join(temporary(t), 'buffer')
  const options = { mode: 'disk', directory, sync: 'always', maxBytes: 1e6, maxAgeMs: 1e6, minFreeBytes: 1e18 } as const
  const buffer = await openBuffer(options, { clock: systemClock, log: silent, bootId: 'b', files: diskIn(directory) })
  t.after(() => buffer.close())
  buffer.cursor('default')
  buffer.append({ timestampMs: 1e12, series: [], values: new Float64Array() })
  const names = { componentOf: () => 'remote-write', addresses: new Map() }
  const found = async () => (await checkAgent(options, systemClock, names)).find(({ thing }) => thing === 'buffer')
  for (let i = 0; (await found()) === undefined && i < 1000; i++) await systemClock.sleep(10)
  assert.match((await found())?.remedy ?? '', /^free space .*min_free/)
})

test('the problem and the acceptance that the running agent knows are findings of its endpoint', async (t) => {
  const directory = join(temporary(t), 'buffer')
  const options = { mode: 'disk', directory, sync: 'always', maxBytes: 1e6, maxAgeMs: 1e6, minFreeBytes: 0 } as const
  const problem = 'delivering, except for 6 rejected series: HTTP 400: per-user series limit of 558 exceeded'
  const endpoints = [
    { endpoint: 'a', problem, acceptance: 'partial (preset mimir)' },
    { endpoint: 'b', problem: undefined, acceptance: 'atomic (preset prometheus)' },
  ]
  const agentInfo = { identity: {}, urls: [], endpoints }
  const buffer = await openBuffer(options, {
    clock: systemClock,
    log: silent,
    bootId: 'b',
    files: diskIn(directory),
    agentInfo,
  })
  t.after(() => buffer.close())
  const addresses = new Map([
    ['a', 'http://a.test'],
    ['b', 'http://b.test'],
  ])
  const found = await checkAgent(options, systemClock, { componentOf: () => 'remote-write', addresses })
  const told = found.flatMap(({ level, thing, text, endpoint }) => (endpoint ? [[level, thing, text, endpoint]] : []))
  assert.deepEqual(told, [
    ['warn', 'a agent', `the running agent reports: ${problem}`, 'http://a.test'],
    ['ok', 'a acceptance', 'of the good samples of a rejected request: partial (preset mimir)', 'http://a.test'],
    ['ok', 'b acceptance', 'of the good samples of a rejected request: atomic (preset prometheus)', 'http://b.test'],
  ])
})
