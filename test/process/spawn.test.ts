import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseInherited } from '../../src/process/inherited.ts'
import { startCommand } from '../../src/process/spawn.ts'
import { temporary } from '../support/servers.ts'

const inherited = parseInherited()

async function statusOf(words: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<number> {
  const started = await startCommand(words, { environment, inherited })
  return 'reason' in started ? started.status : started.ended
}

test('the exit status is that of the command, or 128 plus the number of the signal that ended it', async () => {
  assert.equal(await statusOf(['true']), 0)
  assert.equal(await statusOf(['sh', '-c', 'exit 255']), 255)
  assert.equal(await statusOf(['sh', '-c', 'kill -TERM $$']), 143)
  assert.equal(await statusOf(['sh', '-c', 'kill -KILL $$']), 137)
})

test('a command that fails to start has the exit status of a shell and a reason', async (t) => {
  const folder = temporary(t)
  mkdirSync(join(folder, 'directory'))
  writeFileSync(join(folder, 'text'), 'echo hi\n')
  writeFileSync(join(folder, 'broken'), '#!/no/such/interpreter\n')
  chmodSync(join(folder, 'broken'), 0o755)
  const environment = { PATH: `/nowhere:${folder}` }
  const cases: readonly (readonly [words: readonly string[], status: number, reason: RegExp])[] = [
    [['nosuch'], 127, /^nosuch: command not found$/],
    [[''], 127, /command not found/],
    [[`${folder}/nosuch`], 127, /command not found/],
    [['text'], 126, /^text: not executable$/],
    [['directory'], 126, /not executable/],
    [[folder], 126, /not executable/],
    [['broken'], 126, /^broken: failed to start: .*ENOENT/],
  ]
  for (const [words, status, reason] of cases) {
    const started = await startCommand(words, { environment, inherited })
    assert.ok('reason' in started)
    assert.equal(started.status, status)
    assert.match(started.reason, reason)
  }
})

test('a script without an interpreter line is run by /bin/sh', async (t) => {
  const file = join(temporary(t), 'script')
  writeFileSync(file, 'exit 5\n')
  chmodSync(file, 0o755)
  assert.equal(await statusOf([file]), 5)
})

test('too long arguments are reported as a reason, not thrown', async () => {
  const started = await startCommand(['true', 'x'.repeat(3_000_000)], { environment: process.env, inherited })
  assert.ok('reason' in started)
  assert.equal(started.status, 126)
  assert.match(started.reason, /^true: failed to start: .*E2BIG/)
})
