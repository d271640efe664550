import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { rawServer } from '../support/raw.ts'
import { hostpush, temporary } from '../support/servers.ts'

/** An agent whose receiver never answers, with a request in flight. */
async function stuck(t: TestContext, flushTimeout: string) {
  const { port, requests } = await rawServer(t, () => {})
  const file = join(temporary(t), 'config.json')
  const config = {
    remote_write: [{ url: `http://127.0.0.1:${port}/api/v1/write`, remote_timeout: '30s' }],
    buffer: { directory: temporary(t) },
    web: { listen_address: [] },
    flush_timeout: flushTimeout,
  }
  writeFileSync(file, JSON.stringify(config))
  const agent = hostpush(t, ['run', `--config.file=${file}`, '--collector.disable-defaults', '--collector.loadavg'])
  while (requests.length === 0) await sleep(20)
  return agent
}

test('two signals within a second are one stop, and a stop that waits says for which output', async (t) => {
  const agent = await stuck(t, '3s')
  agent.child.kill('SIGTERM')
  agent.child.kill('SIGINT')
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 0)
  const output = agent.output()
  assert.match(output, /level=INFO msg="Stopping: waiting for an output .*remote_name=\S+ url=http.*snapshots=2/)
  assert.match(output, /waiting for an output .*reason="no answer for \d+\.\d s" at_most=2s/)
  assert.match(output, /Agent stopped with undelivered samples, kept in the buffer/)
  assert.doesNotMatch(output, /exiting at once/)
})

test('a signal more than a second after the first one ends the agent at once, with one line', async (t) => {
  const agent = await stuck(t, '60s')
  agent.child.kill('SIGTERM')
  await agent.until(/Stopping: waiting/) // comes a second after the signal
  const startMs = performance.now()
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 1)
  assert.ok(performance.now() - startMs < 5000)
  assert.match(agent.output(), /level=WARN msg="Second stop signal, exiting at once" component=agent signal=SIGTERM\n$/)
})
