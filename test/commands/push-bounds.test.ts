import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { root, start, temporary } from '../support/servers.ts'

/** Runs a command line of the shell with `push` as `$PUSH`, with the heap of the launcher. */
async function shell(t: TestContext, line: string) {
  const folder = temporary(t)
  const push = `${process.execPath} --max-old-space-size=256 ${join(root, 'src/cli.ts')} push --job=j --pushgateway=http://127.0.0.1:1`
  const running = start(t, 'sh', ['-c', `cd ${folder} && ${line}`], { PUSH: push })
  return { status: await running.ended, output: running.output() }
}

describe('push refuses an input without an end or above a limit with one error and status 1', () => {
  for (const [what, line, message] of [
    [
      '/dev/zero',
      '$PUSH /dev/zero',
      'hostpush: /dev/zero: expected a regular file, found a pipe, a socket or a device\n',
    ],
    ['/dev/zero as standard input', '$PUSH </dev/zero', 'hostpush: standard input: larger than 16777216 bytes\n'],
    ['an endless pipe', 'yes | $PUSH', 'hostpush: standard input: larger than 16777216 bytes\n'],
    ['a FIFO', 'mkfifo f && $PUSH f', 'hostpush: f: expected a regular file, found a pipe, a socket or a device\n'],
    ['a sparse file', 'truncate -s 1G f && $PUSH f', 'hostpush: f: larger than 16777216 bytes\n'],
    [
      'a line of 10 MB',
      'head -c 10000000 /dev/zero >f && $PUSH f',
      'hostpush: line 1: longer than 65536 bytes\nhostpush: nothing was sent: the input has errors\n',
    ],
  ] as const)
    test(what, async (t) => {
      assert.deepEqual(await shell(t, line), { status: 1, output: message })
    })

  test('10^6 series', async (t) => {
    const file = join(temporary(t), 'series.prom')
    writeFileSync(file, Array.from({ length: 1e6 }, (_, i) => `m{i="${i}"} 1\n`).join(''))
    const { status, output } = await shell(t, `$PUSH ${file}`)
    assert.equal(status, 1)
    assert.match(output, /^hostpush: line 50001: more than 50000 series\nhostpush: nothing was sent: .*\n$/)
  })
})
