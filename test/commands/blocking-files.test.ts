import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerOf, rawServer } from '../support/raw.ts'
import { freePort, hostpush, temporary } from '../support/servers.ts'

test('a token file, a web configuration and a text file that become FIFOs delay nothing, and are one log line each', async (t) => {
  const { port, requests } = await rawServer(t, (socket) => void socket.write(answerOf(204)))
  const folder = temporary(t)
  const at = (name: string) => join(folder, name)
  const contents = { token: 'first', 'web.yml': 'http_server_config: {}\n', 'one.prom': 'one 1\n' }
  for (const [name, text] of Object.entries(contents)) writeFileSync(at(name), text)
  const webPort = await freePort()
  const config = {
    global: { scrape_interval: '1s' },
    remote_write: [{ url: `http://127.0.0.1:${port}/api/v1/write`, bearer_token_file: at('token') }],
    buffer: { directory: at('buffer') },
    web: { listen_address: [`127.0.0.1:${webPort}`], config_file: at('web.yml') },
  }
  writeFileSync(at('config.json'), JSON.stringify(config))
  const few = ['--collector.disable-defaults', '--collector.loadavg', '--collector.textfile']
  const args = ['run', `--config.file=${at('config.json')}`, ...few, `--collector.textfile.directory=${folder}`]
  const agent = hostpush(t, args)
  const page = async () => {
    const answer = await fetch(`http://127.0.0.1:${webPort}/metrics`, { signal: AbortSignal.timeout(5000) })
    return await answer.text()
  }
  const tokensAfter = async (count: number) => {
    const before = requests.length
    for (let i = 0; i < 600 && requests.length < before + count; i++) await sleep(50)
    assert.ok(requests.length >= before + count)
    return new Set(requests.slice(before + 1).map(({ headers }) => headers['authorization']))
  }
  await tokensAfter(2)
  for (const name of Object.keys(contents)) {
    execFileSync('mkfifo', [at('fifo')])
    renameSync(at('fifo'), at(name))
  }
  assert.deepEqual(await tokensAfter(5), new Set(['Bearer first']))
  assert.match(await page(), /^node_textfile_scrape_error 1$/m)
  const lines = (pattern: RegExp) => agent.output().match(pattern)?.length
  assert.equal(lines(/Configured file is not usable.*path=\S+token err="expected a regular file/g), 1)
  assert.equal(lines(/Configured file is not usable.*path=\S+web\.yml err="expected a regular file/g), 1)
  assert.equal(lines(/input was skipped.*one\.prom: expected a regular file/g), 1, agent.output())
  assert.doesNotMatch(agent.output(), /Missed/)
  for (const name of Object.keys(contents)) {
    rmSync(at(name))
    writeFileSync(at(name), name === 'token' ? 'second' : contents[name as keyof typeof contents])
  }
  assert.deepEqual(await tokensAfter(3), new Set(['Bearer second']))
  assert.match(await page(), /^node_textfile_scrape_error 0$/m)
  assert.equal(lines(/Configured file recovered/g), 2)
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, 0)
})
