import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Figures, Host, intervalMs } from '../../scripts/mimir-faults/host.ts'
import { mimirTarget, type Target, versions } from '../../scripts/mimir-faults/receivers.ts'
import { type Limits, type MimirOptions, startMimir } from '../support/mimir.ts'
import { eventually, root } from '../support/servers.ts'
import { caseHost, liveHost, oddHost } from './hosts.ts'
import { assertStored, lineTo, withoutSignOfZero } from './read-back.ts'

/** Mimir accepts this number of labels by default. */
const maxLabels = 30

for (const protobufMessage of ['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'] as const)
  test(`Mimir stores every collected series and value: ${protobufMessage}`, async (t) => {
    const mimir = await startMimir(t)
    if (mimir === undefined) return
    const [url = ''] = mimir.urls
    const beginMs = Date.now() - 60_000
    for (const host of [await liveHost(beginMs), caseHost(beginMs), oddHost(beginMs, maxLabels)]) {
      const { logged, send } = await lineTo(t, url, {
        url: new URL('/api/v1/push', url),
        headers: () => ({ 'X-Scope-OrgID': 'team' }),
        protobufMessage,
      })
      await send(host)
      assert.equal(logged.length, 1, logged.join(''))
      assert.match(logged[0] ?? '', /First samples delivered/)
      await assertStored(mimir.tenant('team'), host, withoutSignOfZero)
    }
  })

interface Started {
  readonly host: Host
  readonly target: Target
}

/** An agent that pushes to a Mimir each second, with window 0. Resolves when its first samples have arrived. */
async function started(
  t: TestContext,
  limits: Limits = {},
  { version = '2.0', mimir = {} }: { version?: (typeof versions)[number]; mimir?: MimirOptions } = {},
): Promise<Started | undefined> {
  const target = await mimirTarget(t, mimir)
  if (target === undefined) return undefined
  await target.limit('team', limits)
  const host = await Host.create(t, {
    ...{ program: [process.execPath, join(root, 'src/cli.ts')], target, tenant: 'team' },
    ...{ variant: { version, window: '0' }, externalLabels: {} },
  })
  await host.start()
  await eventually(seriesOf(target), (count) => count > 0)
  return { host, target }
}

const seriesOf =
  (target: Target, name = '') =>
  async () => {
    const [count] = await target.query('team', `count(${name}{instance="team"})`)
    return Number(count?.value[1] ?? 0)
  }

/** A text file with series of one family. */
const text = (series: number, label = '') =>
  `# TYPE app gauge\n${Array.from({ length: series }, (_, n) => `app{n="${n}",v="${label}"} ${n}\n`).join('')}`

/**
 * The figures as soon as the newest sample is at most three intervals old, and every sample until the call is at Mimir or
 * a dead letter. Fails at a dead letter that Mimir has.
 */
async function settled(host: Host, ms: number): Promise<Figures> {
  const untilMs = Date.now()
  const isUpToDate = ({ lacking, lost, backlogMs, endAgeMs }: Figures) =>
    lacking === 0 && lost === 0 && backlogMs > untilMs && endAgeMs <= 3 * intervalMs
  const isWanted = (figures: Figures) => isUpToDate(figures) || figures.falseDeadLetters > 0
  const figures = await eventually(() => host.figures(untilMs), isWanted, ms)
  assert.equal(figures.falseDeadLetters, 0, 'Mimir has samples of dead letters')
  return figures
}

for (const version of versions)
  test(`with 6 series over the limit of the tenant, Mimir gets every sample of the others: ${version}`, async (t) => {
    const scene = await started(t, {}, { version })
    if (scene === undefined) return
    const { host, target } = scene
    await sleep(2 * intervalMs) // some series of the agent begin with the second snapshot
    await target.limit('team', { max_global_series_per_user: (await seriesOf(target)()) + 35 })
    host.writeText(text(40)) // and the series of the file's modification time
    await sleep(5 * intervalMs)
    const figures = await settled(host, 8000)
    assert.ok(figures.deadLetters > 0)
    assert.ok(figures.storedSeries <= figures.collectedSeries - 6)
    assert.doesNotMatch(host.log, /delivery paused/)
  })

test('after a series limit was raised and SIGHUP, Mimir gets the series that it had refused', async (t) => {
  const scene = await started(t)
  if (scene === undefined) return
  const { host, target } = scene
  await sleep(2 * intervalMs)
  await target.limit('team', { max_global_series_per_user: (await seriesOf(target)()) + 35 })
  host.writeText(text(40))
  await sleep(5 * intervalMs)
  assert.ok((await seriesOf(target, 'app')()) < 40)
  await target.limit('team', { max_global_series_per_user: 0 })
  host.reload()
  await eventually(seriesOf(target, 'app'), (count) => count === 40, 6000)
})

test('a burst size below a catch-up request delays the catch-up and loses nothing', async (t) => {
  const scene = await started(t, { ingestion_rate: 10_000, ingestion_burst_size: 2000 })
  if (scene === undefined) return
  const { host } = scene
  host.gate.close()
  await sleep(5 * intervalMs)
  await host.gate.open()
  await settled(host, 12_000)
  assert.ok((host.gate.answers.get(429) ?? 0) > 0, 'no request was larger than the burst size')
})

test('a catch-up with two refused series: only their samples become dead letters, and no other sender is suspected', async (t) => {
  const scene = await started(t, { max_label_value_length: 200 })
  if (scene === undefined) return
  const { host } = scene
  host.gate.close()
  await sleep(2 * intervalMs)
  host.writeText(text(2, 'x'.repeat(201)))
  await sleep(3 * intervalMs)
  await host.gate.open()
  const figures = await settled(host, 12_000)
  assert.equal(figures.storedSeries, figures.collectedSeries - 2)
  assert.ok(figures.deadLetters >= 4)
  assert.deepEqual([...(figures.refused?.keys() ?? [])], ['label_value_too_long'])
  assert.doesNotMatch(host.log, /Another sender/)
})

test('a Mimir that is killed and started again has every sample', async (t) => {
  const scene = await started(t)
  if (scene === undefined) return
  const { host, target } = scene
  host.gate.close()
  await target.processes?.kill(0)
  await sleep(4 * intervalMs)
  await target.processes?.restart(0)
  await host.gate.open()
  const figures = await settled(host, 12_000)
  assert.equal(figures.deadLetters, 0)
})

test('with one of three ingesters killed, delivery goes on', async (t) => {
  const scene = await started(t, {}, { mimir: { instances: 3 } })
  if (scene === undefined) return
  const { host, target } = scene
  await target.processes?.kill(2)
  await sleep(4 * intervalMs)
  const figures = await settled(host, 8000)
  assert.equal(figures.deadLetters, 0)
})
