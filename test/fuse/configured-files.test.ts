import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerOf, rawServer } from '../support/raw.ts'
import { freePort, temporary } from '../support/servers.ts'
import { skip } from './server.ts'
import { silentMount } from './silent-mount.ts'

/** A directory that can hang, with every kind of configured file, and an agent's configuration that names them. */
async function scene(t: TestContext) {
  const { port, requests } = await rawServer(t, (socket) => void socket.write(answerOf(204)))
  const folder = temporary(t)
  const slow = join(folder, 'slow')
  mkdirSync(slow)
  const at = (name: string) => join(slow, name)
  writeFileSync(at('token'), 'first')
  writeFileSync(at('web.yml'), 'http_server_config:\n  headers:\n    X-Frame-Options: deny\n')
  writeFileSync(at('one.prom'), 'one 1\n')
  const webPort = await freePort()
  const config = {
    global: { scrape_interval: '1s' },
    remote_write: [{ url: `http://127.0.0.1:${port}/api/v1/write`, bearer_token_file: at('token') }],
    buffer: { directory: join(folder, 'buffer') },
    web: { listen_address: [`127.0.0.1:${webPort}`], config_file: at('web.yml') },
  }
  const file = join(folder, 'config.json')
  writeFileSync(file, JSON.stringify(config))
  const mount = await silentMount(t, slow)
  const collectors = ['--collector.disable-defaults', '--collector.loadavg', '--collector.textfile']
  const run = ['run', `--config.file=${file}`, ...collectors, `--collector.textfile.directory=${slow}`]
  const tokens = () => requests.map(({ headers }) => headers['authorization'])
  const page = async () => {
    const answer = await fetch(`http://127.0.0.1:${webPort}/metrics`, { signal: AbortSignal.timeout(2000) })
    return { header: answer.headers.get('x-frame-options'), text: await answer.text() }
  }
  /** Waits for requests that the receiver gets from now on. */
  const requestsAfter = async (count: number, token: string) => {
    const before = requests.length
    const isToken = (one: unknown) => one === `Bearer ${token}`
    for (let i = 0; i < 400 && tokens().slice(before).filter(isToken).length < count; i++) await sleep(50)
    assert.ok(tokens().slice(before).filter(isToken).length >= count, `${count} requests with ${token}`)
  }
  return { mount, run, at, page, requestsAfter, file, folder }
}

test('configured files on a file system that stops answering: the last content stays, nothing else waits, one line each', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const { mount, run, at, page, requestsAfter } = await scene(t)
  const agent = mount.hostpush(run)
  await requestsAfter(2, 'first')
  await mount.hang()
  const startMs = performance.now()
  await requestsAfter(8, 'first')
  const seconds = (performance.now() - startMs) / 1000
  assert.ok(seconds < 11, `8 requests in ${seconds} s, the interval is 1 s`)
  const { header, text } = await page()
  assert.equal(header, 'deny')
  assert.match(text, /^one 1$/m)
  assert.match(text, /^node_textfile_scrape_error 1$/m)
  await requestsAfter(4, 'first')
  for (const file of ['token', 'web.yml'])
    assert.equal(agent.output().match(new RegExp(`not usable.*path=${at(file)} err=`, 'g'))?.length, 1, agent.output())
  assert.equal(agent.output().match(/input was skipped.*collector=textfile/g)?.length, 1, agent.output())
  assert.doesNotMatch(agent.output(), /missed/)
  writeFileSync(at('token'), 'second') // outside the namespace the directory is not hung
  await mount.recover()
  await requestsAfter(2, 'second')
  await page()
  await agent.until(/Configured file recovered.*web\.yml/)
  assert.match((await page()).text, /^node_textfile_scrape_error 0$/m)
  await mount.hang()
  await requestsAfter(2, 'second')
  agent.child.kill('SIGTERM')
  assert.equal(await Promise.race([agent.ended, sleep(5000, 'late', { ref: false })]), 0)
})

test('a file system that never answers is an error of the start within seconds, and SIGTERM ends the start', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { mount, run, at } = await scene(t)
  await mount.hang()
  const agent = mount.hostpush(run)
  const startMs = performance.now()
  assert.equal(await Promise.race([agent.ended, sleep(20_000, 'late', { ref: false })]), 1)
  assert.ok(performance.now() - startMs < 12_000)
  assert.match(agent.output(), new RegExp(`bearer_token_file: cannot read ${at('token')}: .* does not answer`))
  const second = mount.hostpush(run)
  await sleep(2000)
  second.child.kill('SIGTERM')
  assert.notEqual(await Promise.race([second.ended, sleep(1500, 'late', { ref: false })]), 'late')
})
