import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hash } from 'bcryptjs'
import { openWebFile } from '../../src/config/sections/web-file.ts'
import { configuredFiles } from '../support/configured-files.ts'
import { temporary } from '../support/servers.ts'
import { host, serve } from './server.ts'

const browser = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)', 'accept-language': 'en' }
const paths = ['/', '/metrics', '/-/reload', '/-/healthy']

test('a page of another site that reaches this server by DNS rebinding gets no answer', async (t) => {
  const { get, web } = await serve(t)
  web.onSnapshot(host())
  // a script can change some headers of its requests, but not omit all of these
  for (const headers of [
    browser,
    { 'accept-language': 'en' },
    { 'sec-fetch-mode': 'cors' },
    { origin: 'http://evil.example' },
  ])
    for (const path of paths)
      for (const name of ['evil.example', 'evil.example:9100', `${hostname()}.evil.example`, '127.0.0.1.evil.example'])
        assert.equal((await get(path, { headers: { ...headers, host: name } })).status, 421, `${path} ${name}`)
})

test('browsers that use an address or a name of this host, and scrapers that use any name, get the page', async (t) => {
  const { get, web } = await serve(t)
  web.onSnapshot(host())
  for (const name of [
    '127.0.0.1:9100',
    '[::1]:9100',
    'localhost',
    'LOCALHOST.:80',
    'a.localhost',
    hostname(),
    `${hostname()}:9100`,
  ])
    assert.equal((await get('/metrics', { headers: { ...browser, host: name } })).status, 200, name)
  const scraper = { 'user-agent': 'Prometheus/3.15.0', accept: 'text/plain', host: 'node1.example:9100' }
  assert.equal((await get('/metrics', { headers: scraper })).status, 200)
})

test('with passwords any name may be used: a page of another site does not have them', async (t) => {
  const file = join(temporary(t), 'web.yml')
  writeFileSync(file, `basic_auth_users:\n  bob: ${await hash('secret', 4)}\n`)
  const { get, web } = await serve(t, {}, { protection: () => openWebFile(file, configuredFiles()) })
  web.onSnapshot(host())
  const headers = { ...browser, host: 'metrics.example' }
  assert.equal((await get('/metrics', { headers })).status, 401)
  const authorization = `Basic ${Buffer.from('bob:secret').toString('base64')}`
  assert.equal((await get('/metrics', { headers: { ...headers, authorization } })).status, 200)
})
