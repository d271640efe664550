import assert from 'node:assert/strict'
import { mkdirSync, statfsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathBytes } from '../../../src/host/fs/text.ts'
import { HostStatfs, type StatfsAnswer, timedOut, type Waits } from '../../../src/host/syscall/statfs.ts'
import type { Command } from '../../../src/host/syscall/statfs-child.ts'
import { systemClock } from '../../../src/util/clock.ts'

const usage = { blockBytes: 4096, blocks: 100, free: 50, available: 40, files: 10, filesFree: 5 }
const patience: Waits = { timeoutMs: 400, waitMs: 100, signal: new AbortController().signal }
const patient: Waits = { ...patience, waitMs: 5000, timeoutMs: 5000 }

/**
 * A child that answers like stat(1) and writes each start and request to `log`. For a path that contains `hang` it hangs
 * until a file with the name of the path exists in the directory.
 */
async function fake(t: TestContext, slowMs = 40) {
  const directory = await mkdtemp(join(tmpdir(), 'statfs-'))
  const log = join(directory, 'log')
  const script = `cd ${directory}; echo start >>log
    while IFS= read -r path; do
      echo "$path" >>log
      case $path in
      *hang*) while [ ! -e ".$path" ]; do sleep 0.02; done; echo "4096 100 50 40 10 5"; echo "= 0" ;;
      *die*) exit 3 ;;
      *garbage*) echo what; echo "= 0" ;;
      *stale*) echo "stat: cannot read file system information for '$path': Stale file handle"; echo "= 1" ;;
      *) echo "4096 100 50 40 10 5"; echo "= 0" ;;
      esac
    done; echo end >>log`
  const statfs = new HostStatfs({ clock: systemClock, command: ['/bin/sh', '-c', script], slowMs })
  t.after(async () => {
    statfs.close()
    await rm(directory, { recursive: true, maxRetries: 9 })
  })
  return {
    statfs,
    release: (path: string) => writeFile(directory + path, ''),
    hold: (path: string) => rm(directory + path),
    log: async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').slice(0, -1),
  }
}

async function asked(statfs: HostStatfs, paths: readonly string[], how: Waits = patience) {
  const found: Record<string, StatfsAnswer> = {}
  for await (const [path, answer] of statfs.apart(paths, how)) found[path] = answer
  return found
}

async function until(what: () => Promise<boolean>) {
  for (let i = 0; i < 200 && !(await what()); i++) await sleep(20)
  assert.ok(await what())
}

test('a relative path is resolved against the working directory', async (t) => {
  const { statfs, log } = await fake(t)
  assert.deepEqual(await asked(statfs, ['some/where', '/a//b'], patient), { 'some/where': usage, '/a//b': usage })
  assert.deepEqual((await log()).filter((line) => line.startsWith('/')).sort(), ['/a//b', resolve('some/where')].sort())
})

test("statfs in this process returns the kernel's numbers, or an error with Go's text", () => {
  const statfs = new HostStatfs({ clock: systemClock })
  const { bsize, blocks } = statfsSync('/')
  const answer = statfs.here('/')
  assert.ok('blocks' in answer)
  assert.deepEqual([answer.blockBytes, answer.blocks], [bsize, blocks])
  assert.deepEqual(statfs.here('/nowhere'), { error: 'no such file or directory' })
})

test("the shell and stat of this host return the kernel's numbers, with any bytes in a path", async (t) => {
  const base = await mkdtemp(join(tmpdir(), 'statfs-'))
  const names = [` -'"$(x) \\t\\\t*é%s`, 'line\nfeed\\n\n', 'bad\udcff\udcfe-é', '\udcc3\n\\', 'b\\0134']
  const odd = names.map((name) => `${base}/${name}`)
  for (const path of odd) mkdirSync(pathBytes(path))
  const statfs = new HostStatfs({ clock: systemClock })
  t.after(() => rm(base, { recursive: true }))
  t.after(() => statfs.close())
  const found = await asked(
    statfs,
    ['/proc', ...odd, '/nowhere', '/proc/version/x', '/a\nb', '/a\udcffb', '/a\0b'],
    patient,
  )
  assert.deepEqual(found['/proc'], statfs.here('/proc'))
  const { blocks } = statfsSync(base)
  for (const path of odd)
    for (const answer of [found[path], statfs.here(path)])
      assert.ok(answer !== undefined && 'blocks' in answer && answer.blocks === blocks, JSON.stringify(path))
  for (const missing of ['/nowhere', '/a\nb', '/a\udcffb'])
    assert.deepEqual(found[missing], { error: 'no such file or directory' })
  assert.deepEqual(found['/proc/version/x'], { error: 'not a directory' })
  assert.deepEqual(found['/a\0b'], { error: 'invalid argument' })
})

test('a child is started at the first request, and serves all requests', async (t) => {
  const { statfs, log } = await fake(t, 1000)
  assert.deepEqual(await asked(statfs, [], patient), {})
  assert.deepEqual(await log(), [])
  for (let i = 0; i < 3; i++) assert.deepEqual(await asked(statfs, ['/a', '/b'], patient), { '/a': usage, '/b': usage })
  assert.deepEqual(await log(), ['start', '/a', '/b', '/a', '/b', '/a', '/b'])
})

test('a child ends when it is closed', async (t) => {
  const { statfs, log } = await fake(t)
  await asked(statfs, ['/a'], patient)
  statfs.close()
  await until(async () => (await log()).includes('end'))
})

test('a hanging mount gets one request, does not delay the others, and times out', {
  timeout: 30_000,
}, async (t) => {
  const { statfs, log } = await fake(t)
  assert.deepEqual(await asked(statfs, ['/hang', '/a'], { ...patience, waitMs: 400 }), {
    '/hang': timedOut,
    '/a': usage,
  })
  const endless = { ...patience, waitMs: 60_000 } // longer than the test may take
  for (let i = 0; i < 3; i++)
    assert.deepEqual(await asked(statfs, ['/hang', '/a'], endless), { '/hang': timedOut, '/a': usage })
  assert.equal((await log()).filter((line) => line === '/hang').length, 1)
  assert.equal((await log()).filter((line) => line === 'start').length, 2)
})

test('the last answer is used until the request times out', async (t) => {
  const { statfs, release, hold } = await fake(t)
  await release('/hang')
  assert.deepEqual(await asked(statfs, ['/hang'], patient), { '/hang': usage })
  await hold('/hang')
  assert.deepEqual(await asked(statfs, ['/hang']), { '/hang': usage })
  await sleep(400)
  assert.deepEqual(await asked(statfs, ['/hang']), { '/hang': timedOut })
})

test('a mount that answers again recovers, and one child remains', async (t) => {
  const { statfs, release, log } = await fake(t)
  await asked(statfs, ['/hang', '/a'], { ...patience, waitMs: 400 })
  await release('/hang')
  await until(async () => (await asked(statfs, ['/hang', '/a']))['/hang'] !== timedOut)
  assert.deepEqual(await asked(statfs, ['/hang', '/a'], patient), { '/hang': usage, '/a': usage })
  await until(async () => (await log()).filter((line) => line === 'end').length === 1)
})

test('with four hanging children the other mounts time out without a request, until one returns', async (t) => {
  const { statfs, release, log } = await fake(t)
  const paths = ['/hang1', '/hang2', '/hang3', '/hang4', '/a', '/hang5']
  const all = Object.fromEntries(paths.map((path) => [path, timedOut]))
  assert.deepEqual(await asked(statfs, paths, { ...patience, waitMs: 400 }), all)
  await sleep(400)
  assert.deepEqual(await asked(statfs, paths), all)
  assert.deepEqual((await log()).filter((line) => line !== 'start').sort(), ['/hang1', '/hang2', '/hang3', '/hang4'])
  assert.equal((await log()).filter((line) => line === 'start').length, 4)
  assert.equal(statfs.problem, '4 mounts hang: other remote mounts are not checked')
  await release('/hang3')
  await until(async () => (await asked(statfs, paths))['/a'] !== timedOut)
})

test('a mount without an answer before the timeout is omitted', async (t) => {
  const { statfs } = await fake(t)
  assert.deepEqual(await asked(statfs, ['/hang', '/a'], { ...patience, timeoutMs: 60_000 }), { '/a': usage })
})

test('an abort ends the wait', async (t) => {
  const { statfs } = await fake(t)
  const begun = performance.now()
  await asked(statfs, ['/hang'], { ...patient, signal: AbortSignal.timeout(50) })
  assert.ok(performance.now() - begun < 10_000)
})

test('the state of a removed mount is dropped, except an open request', async (t) => {
  const { statfs, log } = await fake(t)
  await asked(statfs, ['/hang', '/a'], { ...patience, waitMs: 400 })
  await asked(statfs, ['/a'])
  assert.deepEqual(await asked(statfs, ['/hang', '/a']), { '/hang': timedOut, '/a': usage })
  assert.equal((await log()).filter((line) => line === '/hang').length, 1)
})

test("a failure of stat is reported with Go's text", async (t) => {
  const { statfs } = await fake(t)
  assert.deepEqual(await asked(statfs, ['/stale'], patient), { '/stale': { error: 'stale NFS file handle' } })
  assert.equal(statfs.problem, undefined)
})

test('a child that dies fails one request and is replaced', async (t) => {
  const { statfs } = await fake(t)
  const found = await asked(statfs, ['/a', '/die', '/b'], patient)
  assert.deepEqual(found, { '/a': usage, '/die': { error: 'statfs not available' }, '/b': usage })
  assert.equal(statfs.problem, '/bin/sh ended, status 3')
  assert.deepEqual(await asked(statfs, ['/a'], patient), { '/a': usage })
  assert.equal(statfs.problem, undefined)
})

test('an invalid answer is an error of that mount, and is reported', async (t) => {
  const { statfs } = await fake(t)
  const found = await asked(statfs, ['/garbage', '/b'], patient)
  assert.deepEqual(found, { '/garbage': { error: 'statfs not available' }, '/b': usage })
  assert.equal(statfs.problem, 'stat answered "what", status 0')
})

const broken: readonly (readonly [string, Command, RegExp])[] = [
  ['a shell that is missing', ['/nowhere/sh'], /ENOENT/],
  ['a shell that cannot be run', ['/proc/version'], /EACCES/],
  ['a stat that is missing', ['/bin/sh', '-c', 'while read -r p; do nostat 2>&1; echo "= $?"; done'], /not found.*127/],
  ['a shell that ends at once', ['/bin/sh', '-c', 'exit 7'], /ended, status 7/],
  ['a flood that is no answer', ['/bin/sh', '-c', 'yes | head -c 200000; exit 5'], /ended, status 5/],
]
for (const [title, command, words] of broken)
  test(`${title} makes remote mounts fail and is reported`, async (t) => {
    const statfs = new HostStatfs({ clock: systemClock, command })
    t.after(() => statfs.close())
    const error = { error: 'statfs not available' }
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await asked(statfs, ['/a', '/b'], patient), { '/a': error, '/b': error })
      assert.match(statfs.problem ?? '', words)
    }
  })
