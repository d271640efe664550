import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort, hostpush, temporary } from '../support/servers.ts'

/** What an agent says at its stop of a receiver that was never there. */
async function lastWords(t: TestContext, directory: string): Promise<string> {
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

test('what waits at a stop is said to be kept where it is on disk', async (t) => {
  assert.match(await lastWords(t, temporary(t)), /^Agent stopped with undelivered samples, kept in the buffer"/)
})

test('what waits at a stop is said to be lost where the disk cannot be written', async (t) => {
  const file = join(temporary(t), 'no-directory')
  writeFileSync(file, '')
  assert.match(
    await lastWords(t, file),
    /^Agent stopped with undelivered samples, they are lost" .*reason="connect ECONNREFUSED/,
  )
})
