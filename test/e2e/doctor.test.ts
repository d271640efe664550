import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startPrometheus, startPushgateway, temporary } from '../support/servers.ts'
import { commandLine } from '../support/terminal.ts'

test('doctor stores nothing at a real Prometheus and a real Pushgateway', async (t) => {
  const prometheus = await startPrometheus(t)
  const gateway = await startPushgateway(t)
  if (prometheus === undefined || gateway === undefined) return
  const file = join(temporary(t), 'config.json')
  const config = {
    remote_write: [{ url: prometheus.url, preset: 'prometheus' }],
    pushgateway: [{ url: gateway.url }],
    buffer: { directory: temporary(t) },
  }
  writeFileSync(file, JSON.stringify(config))
  const args = [`--config.file=${file}`, '--collector.disable-defaults', '--collector.loadavg']
  const { status, out } = await commandLine(['doctor', ...args])
  assert.equal(status, 0, out)
  assert.match(
    out,
    /ok +access +http:.*\/api\/v1\/write accepted an empty request: address, tenant and token are right \(limits are not tested\)/,
  )
  assert.match(out, /ok +protocol +supports remote-write (1\.0, not 2\.0|2\.0)/)
  assert.match(out, /ok +access +http:.*\/-\/ready accepted/)
  assert.deepEqual(await prometheus.api('/api/v1/labels'), [])
  assert.deepEqual(await gateway.groups(), [])
})
