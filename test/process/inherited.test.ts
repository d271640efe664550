import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { environmentOf, parseInherited, stdioOf, wrapped } from '../../src/process/inherited.ts'
import { root } from '../support/servers.ts'

test('the variable of the launcher is parsed, and invalid values are ignored', () => {
  assert.deepEqual(parseInherited('files=1024 ignored=0000000000001003 fds=3,7 ours=MALLOC_ARENA_MAX,2'), {
    openFiles: '1024',
    ignored: [1, 2, 13],
    descriptors: [3, 7],
    ours: ['MALLOC_ARENA_MAX'],
  })
  for (const text of [undefined, '', 'x', 'files= ignored= fds=', 'files=;rm ignored=$(rm)'])
    assert.deepEqual(parseInherited(text), { ignored: [], descriptors: [], ours: [] })
})

test('a command without attributes to restore is started without a shell', () => {
  assert.deepEqual(wrapped(['a', 'b c'], parseInherited('')), ['a', 'b c'])
  assert.deepEqual(stdioOf(parseInherited('')), ['inherit', 'inherit', 'inherit'])
  assert.deepEqual(stdioOf(parseInherited('fds=5')).slice(3), ['ignore', 'ignore', 5])
})

/** What a command sees of itself after a shell ran `setup`. */
const attributesOf = (setup: string, how: string) =>
  execFileSync('sh', ['-c', `${setup} ${how} sh -c 'ulimit -Sn; grep SigIgn /proc/self/status; ls /proc/$$/fd'`], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: '/' },
  })

const setups = ['ulimit -Sn 512;', "trap '' HUP USR1;", 'exec 3</etc/passwd 7>/dev/null;', 'umask 077; exec 4<&0;', '']
for (const setup of setups) {
  test(`a command inherits the same attributes with and without the launcher: ${setup || 'nothing special'}`, () => {
    const directly = attributesOf(setup, '')
    const ours = attributesOf(setup, `${join(root, 'bin/hostpush')} exec --`)
    assert.equal(ours, directly)
  })
}

test('the command inherits the environment without the variables of the launcher', () => {
  const env = { PATH: process.env['PATH'], HOME: '/', X: 'a\nb=c', LANG: 'C', MALLOC_ARENA_MAX: '7' }
  const lines = (args: readonly string[]) =>
    spawnSync(args[0] ?? '', args.slice(1), { cwd: root, env, encoding: 'utf8' }).stdout
  const sorted = (text: string) =>
    text
      .split('\n')
      .filter((line) => !line.startsWith('PWD='))
      .sort()
  assert.deepEqual(sorted(lines([join(root, 'bin/hostpush'), 'exec', '--', 'env'])), sorted(lines(['env'])))
})

test('variables that begin with HOSTPUSH_ are not passed to the command, except those of the launcher', () => {
  const passed = {
    HOSTPUSH_NODE: process.execPath,
    HOSTPUSH_NODE_FLAGS: '--no-warnings',
    TOKEN: 'a',
    MY_HOSTPUSH_TOKEN: 'b',
  }
  const env = { ...passed, HOSTPUSH_TOKEN: 's3cret', HOSTPUSH_: 's3cret', HOSTPUSH_RECORD: 's3cret' }
  assert.deepEqual(environmentOf(env, parseInherited('')), passed)
})
