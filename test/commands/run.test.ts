import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort, hostpush, temporary } from '../support/servers.ts'

/** The last log line of an agent that stops and never reached its receiver. */
async function lastLine(t: TestContext, directory: string): Promise<string> {
  const file = join(temporary(t), 'config.json')
  const url = `http://127.0.0.1:${await freePort()}/api/v1/write`
  const config = { remote_write: [{ url }], buffer: { directory }, web: { listen_address: [] }, flush_timeout: '100ms' }
  writeFileSync(file, JSON.stringify(config))
  const agent = hostpush(t, ['run', `--config.file=${file}`, '--collector.disable-defaults', '--collector.loadavg'])
  await agent.until(/Remote write failed, retrying/)
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 0)
  return /msg="(Agent stopped.*)/.exec(agent.output())?.[1] ?? ''
}

test('the log reports undelivered samples at a stop as kept if they are on disk', async (t) => {
  assert.match(await lastLine(t, temporary(t)), /^Agent stopped with undelivered samples, kept in the buffer"/)
})

test('the log reports undelivered samples at a stop as lost if the disk cannot be written', async (t) => {
  const file = join(temporary(t), 'no-directory')
  writeFileSync(file, '')
  assert.match(
    await lastLine(t, file),
    /^Agent stopped with undelivered samples, they are lost" .*reason="connect ECONNREFUSED/,
  )
})
