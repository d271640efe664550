import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfiguredFiles } from '../../../src/host/fs/configured-files.ts'
import { ChildFiles, type RemoteFiles } from '../../../src/host/fs/remote-files.ts'
import type { ReadAnswer } from '../../../src/host/fs/types.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { createLog } from '../../../src/util/log.ts'
import { temporary } from '../../support/servers.ts'

const maxBytes = 100

/** Files with a log, and one that is open. */
async function scene(t: TestContext, remote?: RemoteFiles) {
  const path = join(temporary(t), 'token')
  writeFileSync(path, 'first')
  const logged: string[] = []
  const files = new ConfiguredFiles({ clock: systemClock, ...(remote && { remote }) })
  t.after(() => files.close())
  files.reportTo(createLog('debug', 'logfmt', (line) => logged.push(line), systemClock.now))
  const made = (bytes: Buffer) => {
    if (bytes.includes('invalid')) throw new Error('not a token')
    return bytes.toString()
  }
  const { current } = await files.open(path, maxBytes, made)
  return { path, files, current, logged }
}

const faults: Readonly<Record<string, readonly [spoil: (path: string) => void, message: RegExp]>> = {
  'a FIFO': [(path) => execFileSync('mkfifo', [path]), /expected a regular file/],
  'an endless device': [(path) => symlinkSync('/dev/zero', path), /expected a regular file/],
  'a directory': [(path) => mkdirSync(path), /EISDIR/],
  'a link to itself': [(path) => symlinkSync(path, path), /ELOOP/],
  'a missing file': [() => {}, /ENOENT/],
  'a larger file': [(path) => writeFileSync(path, 'x'.repeat(maxBytes + 1)), /larger than 100 bytes/],
  'invalid content': [(path) => writeFileSync(path, 'invalid'), /not a token/],
}

for (const [what, [spoil, message]] of Object.entries(faults))
  test(`${what} instead of a configured file: its last content stays, and each change is one line`, async (t) => {
    const { path, files, current, logged } = await scene(t)
    assert.equal(current(), 'first')
    rmSync(path)
    spoil(path)
    assert.deepEqual([current(), current(), current()], ['first', 'first', 'first'])
    assert.equal(logged.length, 1)
    assert.match(logged[0] ?? '', /level=WARN msg="Configured file is not usable, .*component=files path=\S+token err=/)
    assert.match(logged[0] ?? '', message)
    await assert.rejects(
      files.open(path, maxBytes, (bytes) => {
        if (bytes.includes('invalid')) throw new Error('not a token')
      }),
      message,
    )
    rmSync(path, { force: true, recursive: true })
    writeFileSync(path, 'second')
    assert.deepEqual([current(), current()], ['second', 'second'])
    assert.equal(logged.length, 2)
    assert.match(logged[1] ?? '', /level=INFO msg="Configured file recovered/)
  })

test('a file that is rewritten within the resolution of its times has its new content', async (t) => {
  const { path, current } = await scene(t)
  for (const text of ['other', 'third', 'fours']) {
    writeFileSync(path, text)
    assert.equal(current(), text)
  }
  writeFileSync(`${path}.new`, 'fifth')
  renameSync(`${path}.new`, path)
  assert.equal(current(), 'fifth')
})

test('a remote file is read in the background: at most one read is open, and the next use gets the new content', async (t) => {
  const pending: ((outcome: ReadAnswer | Error) => void)[] = []
  const answer = (text: string): ReadAnswer => ({ bytes: Buffer.from(text), mtimeMs: 0, isPublic: true, stamp: text })
  let isRemote = false
  const { current, logged } = await scene(t, {
    remotePaths: () => () => isRemote,
    read: () =>
      new Promise((resolve, reject) => {
        pending.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)))
      }),
    list: () => Promise.reject(new Error('unused')),
    close() {},
  })
  isRemote = true
  const next = async (outcome: ReadAnswer | Error) => {
    pending.shift()?.(outcome)
    await new Promise(setImmediate)
  }
  assert.deepEqual([current(), current(), pending.length], ['first', 'first', 1])
  await next(answer('second'))
  assert.deepEqual([current(), current(), pending.length], ['second', 'second', 1])
  await next(new Error('the file system does not answer'))
  assert.deepEqual([current(), pending.length], ['second', 1])
  await next(new Error('the file system does not answer'))
  assert.equal(current(), 'second')
  await next('unchanged')
  assert.deepEqual(
    logged.map((line) => /msg="Configured file (\S+ \S+)/.exec(line)?.[1]),
    ['is not', 'recovered, its'],
  )
})

test('a child process reads files and directories of a remote file system with the same bounds', async (t) => {
  const folder = temporary(t)
  const remote = new ChildFiles({ clock: systemClock })
  t.after(() => remote.close())
  const at = (name: string) => join(folder, name)
  for (const name of ['a', 'b']) mkdirSync(at(name))
  writeFileSync(at('a/one.prom'), 'one 1\n')
  writeFileSync(at('a/other'), 'other')
  writeFileSync(at('b/large.prom'), 'x'.repeat(101))
  execFileSync('mkfifo', [at('b/fifo.prom')])
  const file = await remote.read(at('a/one.prom'), 100, '')
  assert.ok(file !== 'unchanged')
  assert.equal(Buffer.from(file.bytes).toString(), 'one 1\n')
  await assert.rejects(remote.read(at('b/fifo.prom'), 100, ''), /expected a regular file/)
  await assert.rejects(remote.read(at('b/large.prom'), 100, ''), /larger than 100 bytes/)
  const limits = { entries: 10, files: 10, fileBytes: 100, bytes: 1000 }
  const { files, faults } = await remote.list(at('*'), '.prom', limits)
  assert.deepEqual(
    files.map((one) => [one.path.slice(folder.length), 'bytes' in one ? one.bytes.toString() : one.error]),
    [
      ['/a/one.prom', 'one 1\n'],
      ['/b/fifo.prom', 'expected a regular file, found a pipe, a socket or a device'],
      ['/b/large.prom', 'larger than 100 bytes'],
    ],
  )
  assert.deepEqual(faults, [])
  assert.equal((await remote.list(at('a/one.prom'), '.prom', limits)).files.length, 1)
  assert.match((await remote.list(at('a'), '.prom', { ...limits, entries: 1 })).faults[0] ?? '', /more than 1 entries/)
})
