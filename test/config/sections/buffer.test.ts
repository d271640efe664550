import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfigError } from '../../../src/config/error.ts'
import { readConfig } from '../../../src/config/index.ts'
import { outputKinds } from '../../support/outputs.ts'
import { root, temporary } from '../../support/servers.ts'

const remote_write = [{ url: 'http://127.0.0.1:9090/api/v1/write' }]

async function buffered(t: TestContext, shape: object, environment: Record<string, string> = {}) {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify(shape))
  const flags = new Map([['config.file', file]])
  return (await readConfig({ flags, environment, collectors: [], outputKinds })).buffer
}

test('by default the buffer is on disk in the directory of the service, is synced always, and keeps 24 h and 512 MiB', async (t) => {
  assert.deepEqual(await buffered(t, { remote_write }, { STATE_DIRECTORY: '/var/lib/private/hostpush' }), {
    mode: 'disk',
    directory: '/var/lib/private/hostpush',
    sync: 'always',
    maxBytes: 512 * 1024 * 1024,
    maxAgeMs: 86_400_000,
    minFreeBytes: 64 * 1024 * 1024,
    keep: { maxAgeMs: 86_400_000, maxBytes: 64 * 1024 * 1024 },
  })
})

test('every key of the buffer can be set', async (t) => {
  const keep = { max_age: '7d', max_bytes: '0' }
  const buffer = { directory: '/d', mode: 'disk', sync: '5m', max_bytes: '1GiB', max_age: '7d', min_free: '0', keep }
  assert.deepEqual(await buffered(t, { remote_write, buffer }), {
    mode: 'disk',
    directory: '/d',
    sync: 300_000,
    maxBytes: 1024 ** 3,
    maxAgeMs: 7 * 86_400_000,
    minFreeBytes: 0,
    keep: { maxAgeMs: 7 * 86_400_000, maxBytes: 0 },
  })
  assert.equal((await buffered(t, { remote_write, buffer: { directory: '/d', sync: 'never' } })).sync, 'never')
})

test('without an endpoint nothing is buffered', async (t) => {
  assert.equal((await buffered(t, {})).mode, 'memory')
})

test('invalid values are errors with their place', async (t) => {
  const buffer = { mode: 'ram', sync: 'often', max_bytes: '0', max_age: '1', min_free: 'much', maxbytes: 1 }
  const error = await buffered(t, { remote_write, buffer }).catch((reason) => reason)
  assert.ok(error instanceof ConfigError)
  const said = error.problems.map((problem) => problem.replace(/^.*?config\.json: /, ''))
  assert.equal(said.length, 6)
  for (const key of Object.keys(buffer))
    assert.ok(
      said.some((problem) => problem.startsWith(`buffer.${key}: `)),
      `${key}: ${said.join('; ')}`,
    )
})

test('the errors of sync and max_bytes name the valid values', async (t) => {
  for (const [buffer, said] of [
    [{ sync: 'often' }, 'buffer.sync: invalid value, expected "always", "never" or a duration such as "1m"'],
    [{ sync: '0s' }, 'buffer.sync: invalid value, expected "always", "never" or a duration such as "1m"'],
    [{ max_bytes: '512' }, 'buffer.max_bytes: invalid value, expected at least "1MiB" (a snapshot can need 100 KiB)'],
  ] as const) {
    const error = await buffered(t, { remote_write, buffer }).catch((reason) => reason)
    assert.ok(error instanceof ConfigError)
    assert.deepEqual(
      error.problems.map((problem) => problem.replace(/^.*?config\.json: /, '')),
      [said],
    )
  }
})

test('a user without a name, as in many containers, works like any other', (t) => {
  const uid = 64_999
  const reaches = (path: string) => spawnSync('test', ['-r', path], { uid }).status === 0
  if (process.getuid?.() !== 0 || ![process.execPath, join(root, 'src/cli.ts')].every(reaches))
    return t.skip('only root can be another user, where that one may read the checkout')
  const args = ['src/cli.ts', 'check', '--config.file=config.example.json']
  const ask = (more: Record<string, string>) =>
    spawnSync(process.execPath, args, { cwd: root, uid, env: { GRAFANA_CLOUD_TOKEN: 'glc_x', ...more } })
  assert.equal(String(ask({ STATE_DIRECTORY: '/s' }).stderr), '')
  assert.match(
    String(ask({}).stderr),
    /buffer\.directory: required key is missing, and this user has no home directory/,
  )
})
