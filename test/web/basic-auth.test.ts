import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { openWebFile } from '../../src/config/sections/web-file.ts'
import { systemClock } from '../../src/util/clock.ts'
import { Secret } from '../../src/util/log.ts'
import { BasicAuth } from '../../src/web/basic-auth.ts'
import { configuredFiles } from '../support/configured-files.ts'
import { temporary } from '../support/servers.ts'
import { serve } from './server.ts'

const authorization = (password: string) => `Basic ${Buffer.from(`bob:${password}`).toString('base64')}`

/** A comparison takes about 60 ms with cost 10. */
function withUser(cost: number) {
  const users = new Map([['bob', new Secret(hashSync('right', cost))]])
  const auth = new BasicAuth(systemClock)
  const ask = (password: string, client = 'a', isGone = () => false) =>
    auth.verdict({ authorization: authorization(password), client, isGone }, users)
  return { ask }
}

test('a known password does not wait for comparisons of unknown ones', async () => {
  const { ask } = withUser(10)
  assert.equal(await ask('right'), 'accepted')
  const order: string[] = []
  const unknown = ask('wrong', 'b').then((verdict) => order.push(verdict))
  const known = ask('right').then((verdict) => order.push(verdict))
  await Promise.all([unknown, known])
  assert.deepEqual(order, ['accepted', 'rejected'])
})

test('a flood of wrong passwords does not displace a known password', async () => {
  const { ask } = withUser(4)
  await ask('right')
  for (let i = 0; i < 150; i++) assert.equal(await ask(`wrong ${i}`, 'b'), 'rejected')
  const busy = Array.from({ length: 8 }, (_, i) => ask(`other ${i}`, `client ${i}`))
  assert.equal(await ask('right'), 'accepted')
  await Promise.all(busy)
})

test('two comparisons of one client wait, and eight of all clients', async () => {
  const { ask } = withUser(4)
  const one = await Promise.all(Array.from({ length: 5 }, (_, i) => ask(`wrong ${i}`)))
  assert.deepEqual(one, ['rejected', 'rejected', 'busy', 'busy', 'busy'])
  const all = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(`other ${i}`, `client ${i}`)))
  assert.deepEqual(
    all.map((verdict) => verdict === 'busy'),
    Array.from({ length: 12 }, (_, i) => i >= 8),
  )
})

test('requests with the same password share one comparison', async () => {
  const { ask } = withUser(4)
  const verdicts = await Promise.all(Array.from({ length: 50 }, (_, i) => ask('right', `client ${i}`)))
  assert.deepEqual(new Set(verdicts), new Set(['accepted']))
})

test('a comparison of a closed connection is not started', async () => {
  const { ask } = withUser(10)
  const gone = ask('right', 'a', () => true)
  assert.equal(await gone, 'rejected')
  assert.equal(await ask('right', 'a'), 'accepted') // the verdict of the first one was not remembered
})

/** A server with basic authentication; `secondsOf` is the time until the answer to the correct password. */
async function guarded(t: TestContext) {
  const file = join(temporary(t), 'web.yml')
  writeFileSync(file, `basic_auth_users:\n  bob: ${hashSync('right', 10)}\n`)
  const { port, get } = await serve(t, {}, { protection: () => openWebFile(file, configuredFiles()) })
  const asked = async () => {
    const startMs = performance.now()
    const { status } = await get('/-/healthy', { headers: { authorization: authorization('right') } })
    return { status, ms: performance.now() - startMs }
  }
  return { port, asked }
}

const request = (password: string) =>
  `GET /-/healthy HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization(password)}\r\n\r\n`

test('300 wrong passwords in one connection, then its end, do not delay the next client', async (t) => {
  const { port, asked } = await guarded(t)
  await asked()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(Array.from({ length: 300 }, (_, i) => request(`wrong ${i}`)).join(''))
  await new Promise((resolve) => setImmediate(resolve))
  const during = await asked()
  socket.destroy()
  const after = await asked()
  for (const { status, ms } of [during, after]) {
    assert.equal(status, 200)
    assert.ok(ms < 3000, `${ms} ms`) // 300 comparisons take 18 s
  }
})
