import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FamilyText } from '../../src/pushgateway/encode.ts'
import { FamilyRejections } from '../../src/pushgateway/rejections.ts'
import { createLog } from '../../src/util/log.ts'
import { type Answer, type Request, scene, until } from './gateway.ts'

const inconsistent: Answer = [
  400,
  'pushed metrics are invalid: 2 error(s) occurred:\n* it is not a GAUGE\n* nor that\n',
]

/** A gateway that has a family with this name and another type. */
const refuses =
  (...names: string[]) =>
  ({ body }: Request) =>
    names.some((name) => body.includes(`# TYPE ${name} `)) ? inconsistent : undefined

test('a rejected family is found, logged once and not pushed; the others replace the group', async (t) => {
  const { gateway, requests, notify, warnings } = await scene(t, refuses('temperature'))
  notify({ kitchen: 1, bath: 2 })
  await until(() => gateway.stats.samples === 1)
  assert.deepEqual(
    requests.map(({ method, body }) => [method, [...body.matchAll(/TYPE (\w+)/g)].map(([, name]) => name).join(' ')]),
    [
      ['PUT', 'doors_total temperature'],
      ['POST', ''],
      ['POST', 'doors_total'],
      ['POST', 'temperature'],
      ['PUT', 'doors_total'],
    ],
  )
  assert.deepEqual(
    [gateway.stats.samplesRejected, gateway.stats.familiesRejected, gateway.report.problem],
    [2, 1, undefined],
  )
  notify({ kitchen: 2 })
  await until(() => gateway.stats.samples === 2)
  assert.equal(requests.length, 6)
  assert.equal(gateway.stats.samplesRejected, 3)
  assert.equal(warnings().length, 1)
  assert.match(warnings()[0] ?? '', /families=temperature .*occurred: it is not a GAUGE"/)
})

test('if the group is rejected, no family is blamed', async (t) => {
  const { gateway, requests, notify, warnings } = await scene(t, () => [400, 'job name is required'])
  notify({ kitchen: 1 })
  await until(() => gateway.report.problem !== undefined)
  assert.equal(requests.length, 2)
  assert.match(warnings().join(''), /Push rejected.*job name is required/)
})

test('the output reports rejected series with the error message, and none after everything is accepted', async (t) => {
  const { gateway, notify } = await scene(t, refuses('temperature', 'doors_total'))
  const namesIn = () => [...(gateway.rejection?.series ?? [])].map(({ family }) => family.name)
  notify({ kitchen: 1, bath: 2 })
  await until(() => gateway.stats.samplesRejected === 3)
  assert.deepEqual(namesIn(), ['temperature', 'temperature', 'doors_total'])
  assert.match(gateway.rejection?.reason ?? '', /^HTTP 400: .* it is not a GAUGE \(metrics doors_total temperature\)$/)
  notify({ kitchen: 1 })
  await until(() => gateway.stats.samplesRejected === 5)
  assert.equal(gateway.rejection?.snapshot.values.length, 3)
  assert.deepEqual(namesIn(), ['temperature', 'doors_total'])
  const whole = await scene(t, (_, number) => (number < 3 ? [400, 'job name is required'] : undefined))
  whole.notify({ kitchen: 1 })
  await until(() => whole.gateway.rejection !== undefined)
  assert.equal(whole.gateway.rejection?.series.size, 3)
  whole.notify({ kitchen: 1 })
  await until(() => whole.gateway.stats.samples === 2)
  assert.equal(whole.gateway.rejection, undefined)
})

test('a group is not emptied if all families are rejected', async (t) => {
  const { gateway, requests, notify, warnings } = await scene(t, refuses('temperature', 'doors_total'))
  notify({ kitchen: 1 })
  await until(() => gateway.report.problem !== undefined)
  notify({ kitchen: 2 })
  await until(() => gateway.stats.samplesRejected === 4)
  assert.ok(requests.every(({ method, body }) => method === 'POST' || body !== ''))
  assert.equal(warnings().length, 2)
})

test('if the gateway fails during bisection, the search continues later with the families found so far', async (t) => {
  const refused = refuses('temperature')
  const { gateway, requests, notify } = await scene(t, (request, number) => (number === 3 ? [500] : refused(request)))
  notify({ kitchen: 1 })
  await until(() => gateway.stats.samples === 1)
  assert.equal(requests.at(-1)?.method, 'PUT')
})

test('bisection finds one rejected family with few requests', async () => {
  const families = Array.from({ length: 300 }, (_, i): FamilyText => ({ name: `f${i}`, samples: 1, text: '' }))
  const rejections = new FamilyRejections()
  let asked = 0
  const taken = new Set<string>()
  const ended = await rejections.find(
    families,
    async (some) => {
      asked++
      if (some.some(({ name }) => name === 'f123')) return { kind: 'rejected', reason: 'HTTP 400', status: 400 }
      for (const { name } of some) taken.add(name)
      return { kind: 'delivered' }
    },
    0,
  )
  assert.equal(ended, undefined)
  assert.ok(asked <= 2 * Math.ceil(Math.log2(300)) + 1, `${asked} requests`)
  assert.equal(taken.size, 299)
  assert.equal(rejections.count, 1)
})

test('a rejected family is pushed again after an hour, and its recovery is logged', async () => {
  const family = { name: 'f', samples: 1, text: '' }
  const lines: string[] = []
  const log = createLog('debug', 'logfmt', (line) => lines.push(line), Date.now)
  const rejections = new FamilyRejections()
  const logChanges = () => rejections.log(log, { remote_name: 'g', url: 'http://gateway.test/' }, () => undefined)
  const post = async (some: readonly FamilyText[]) =>
    some.length === 0 ? ({ kind: 'delivered' } as const) : ({ kind: 'rejected', reason: 'no', status: 400 } as const)
  await rejections.find([family], post, 1000)
  logChanges()
  logChanges()
  assert.deepEqual(rejections.without([family], 3_600_999), [])
  assert.deepEqual(rejections.without([family], 3_601_000), [family])
  logChanges()
  assert.equal(lines.length, 2)
  assert.match(lines[1] ?? '', /level=INFO msg="Pushgateway accepts all metric families again"/)
})
