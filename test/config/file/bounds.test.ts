import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporary } from '../../support/servers.ts'
import { commandLine } from '../../support/terminal.ts'

const minimal = '{"remote_write":[{"url":"http://127.0.0.1:1"}],"buffer":{"mode":"memory"}}'

describe('a configuration without an end, too large or too deep is one error with the name of the file', () => {
  for (const [what, text, message] of [
    [
      'lists in lists',
      `{"remote_write":${'['.repeat(1e5)}${']'.repeat(1e5)}}`,
      'nested too deeply, expected at most 64 levels',
    ],
    [
      'objects in objects',
      `${'{"a":'.repeat(1e5)}1${'}'.repeat(1e5)}`,
      'nested too deeply, expected at most 64 levels',
    ],
    ['a million endpoints', `{"remote_write":[${'{},'.repeat(1e6)}{}]}`, 'too large, expected at most 100000 values'],
    ['more than 4 MiB', ' '.repeat(4 * 1024 * 1024 + 1), 'larger than 4194304 bytes'],
  ] as const)
    test(what, async (t) => {
      const file = join(temporary(t), 'config.json')
      writeFileSync(file, text)
      const { status, err } = await commandLine(['check', `--config.file=${file}`])
      assert.deepEqual([status, err], [1, `hostpush: ${file}: ${message}\n`])
    })

  test('a FIFO and /dev/zero', async (t) => {
    const folder = temporary(t)
    execFileSync('mkfifo', [join(folder, 'fifo')])
    symlinkSync('/dev/zero', join(folder, 'zero'))
    writeFileSync(join(folder, 'good.json'), minimal)
    for (const name of ['fifo', 'zero']) {
      const file = join(folder, name)
      const { status, err } = await commandLine(['check', `--config.file=${file}`])
      assert.equal(status, 1)
      assert.equal(err, `hostpush: ${file}: expected a regular file, found a pipe, a socket or a device\n`)
      const web = await commandLine([
        'check',
        `--config.file=${join(folder, 'good.json')}`,
        `--web.config.file=${file}`,
      ])
      assert.equal(web.status, 1)
      assert.match(web.err, new RegExp(`^hostpush: --web.config.file: ${file}: expected a regular file`))
    }
  })

  test('thousands of invalid endpoints, with at most 100 lines', async (t) => {
    const file = join(temporary(t), 'config.json')
    writeFileSync(file, `{"remote_write":[${'{},'.repeat(20_000)}{}]}`)
    const { status, err } = await commandLine(['check', `--config.file=${file}`])
    assert.equal(status, 1)
    const lines = err.trim().split('\n')
    assert.equal(lines[100], `hostpush: ${file}: 19901 more errors`)
    assert.ok(lines.length <= 102)
  })
})

describe('a web configuration that is too deep, or has too many aliases, is one error with the name of the file', () => {
  const aliases = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...['ab', 'bc', 'cd'].map(([from, to]) => `${to}: &${to} [${`*${from},`.repeat(9)}x]`),
  ]
  for (const [what, text, message] of [
    ['lists in lists', '['.repeat(1e5), /web\.yml:1: invalid YAML: collections are nested too deeply/],
    [
      'maps in maps',
      Array.from({ length: 1400 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''),
      /web\.yml(:\d+)?: .*nested too deeply/,
    ],
    ['aliases of aliases', `${aliases.join('\n')}\n`, /web\.yml: invalid YAML: Excessive alias count/],
    ['more than 1 MiB', ' '.repeat(1024 * 1024 + 1), /web\.yml: larger than 1048576 bytes/],
  ] as const)
    test(what, async (t) => {
      const folder = temporary(t)
      writeFileSync(join(folder, 'config.json'), minimal)
      writeFileSync(join(folder, 'web.yml'), text)
      const files = [`--config.file=${join(folder, 'config.json')}`, `--web.config.file=${join(folder, 'web.yml')}`]
      const { status, err } = await commandLine(['check', ...files])
      assert.equal(status, 1)
      assert.match(err, message)
      assert.equal(err.trim().split('\n').length, 1)
      assert.ok(err.length < 500)
    })
})

test('a FIFO or /dev/zero as file of a token, a password or a certificate is one error each, at once', async (t) => {
  const folder = temporary(t)
  execFileSync('mkfifo', [join(folder, 'fifo')])
  symlinkSync('/dev/zero', join(folder, 'zero'))
  const file = join(folder, 'config.json')
  for (const name of ['fifo', 'zero']) {
    const path = join(folder, name)
    const url = 'https://127.0.0.1:1'
    const remote_write = [
      { name: 'a', url, bearer_token_file: path },
      { name: 'b', url, basic_auth: { username: 'u', password_file: path } },
      { name: 'c', url, tls_config: { ca_file: path } },
    ]
    writeFileSync(file, JSON.stringify({ remote_write, buffer: { mode: 'memory' } }))
    const { status, err } = await commandLine(['check', `--config.file=${file}`])
    assert.equal(status, 1)
    const lines = err.trim().split('\n')
    assert.equal(lines.length, 3, err)
    for (const line of lines) assert.match(line, new RegExp(`${path}.*: expected a regular file, found a pipe`))
  }
})
