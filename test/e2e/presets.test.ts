import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  eventually,
  hostpush,
  type Prometheus,
  startPrometheus,
  startVictoriaMetrics,
  temporary,
} from '../support/servers.ts'
import { commandLine } from '../support/terminal.ts'

const servers: Readonly<Record<string, (t: TestContext) => Promise<Prometheus | undefined>>> = {
  prometheus: startPrometheus,
  victoriametrics: startVictoriaMetrics,
}

for (const [preset, start] of Object.entries(servers)) {
  test(`${preset}: with its preset a URL needs only the host, and doctor finds no problem`, async (t) => {
    const server = await start(t)
    if (server === undefined) return
    const folder = temporary(t)
    const file = join(folder, 'config.json')
    const config = {
      instance: 'h',
      global: { scrape_interval: '1s' },
      remote_write: [{ url: server.url, preset }],
      buffer: { directory: join(folder, 'buffer') },
      web: { listen_address: [] },
      collectors: { disable_defaults: true, loadavg: { enabled: true } },
    }
    writeFileSync(file, JSON.stringify(config))
    const { status, out } = await commandLine(['doctor', `--config.file=${file}`])
    assert.equal(status, 0, out)
    const agent = hostpush(t, ['run', `--config.file=${file}`])
    await eventually(
      () => server.query('count_over_time(node_load1{instance="h"}[1m])'),
      ([first]) => Number(first?.value[1]) >= 2,
    )
    agent.child.kill('SIGTERM')
    assert.equal(await agent.ended, 0)
    assert.doesNotMatch(agent.output(), /level=ERROR/)
  })
}
