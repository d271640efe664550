import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { codeOf, diskFiles } from '../../../src/host/fs/files.ts'
import { readRegular } from '../../../src/util/regular-file.ts'
import { root, temporary } from '../../support/servers.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const needsRoot = { skip: process.getuid?.() === 0 ? false : 'needs root' }

function folder(t: TestContext) {
  const path = temporary(t)
  return { path, files: diskFiles(path), write: (name: string, text: string) => writeFileSync(`${path}/${name}`, text) }
}

const errno = (code: string) => (error: unknown) => codeOf(error) === code
/** Open descriptors of the test's files; other descriptors of this process change at any time. */
const openFiles = () =>
  readdirSync('/proc/self/fd').filter((fd) => /^\/proc\/(uptime|loadavg|sys\/)/.test(targetOf(`/proc/self/fd/${fd}`)))
    .length

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return '' // the descriptor of the listing itself
  }
}

test('a file is read as soon as it exists, and is missing after its removal', (t) => {
  const { path, files, write } = folder(t)
  const file = `${path}/file`
  for (let i = 0; i < 3; i++) assert.throws(() => files.read(file), errno('ENOENT'))
  write('file', 'here')
  assert.equal(files.read(file).toString(), 'here')
  write('file', 'changed')
  assert.equal(files.read(file).toString(), 'changed')
  rmSync(file)
  for (let i = 0; i < 3; i++) assert.throws(() => files.read(file), errno('ENOENT'))
})

test('a file below something that is not a directory is missing', (t) => {
  const { path, files, write } = folder(t)
  write('file', '')
  for (let i = 0; i < 2; i++) assert.throws(() => files.read(`${path}/file/below`), errno('ENOTDIR'))
})

test('a directory is listed as soon as it exists', (t) => {
  const { path, files, write } = folder(t)
  const directory = `${path}/directory`
  for (let i = 0; i < 2; i++) assert.throws(() => files.list(directory), errno('ENOENT'))
  mkdirSync(directory)
  write('directory/b', '')
  write('directory/a', '')
  assert.deepEqual(files.list(directory), ['a', 'b'])
})

test('a kept descriptor returns the current content of a kernel file', () => {
  const files = diskFiles('/proc')
  files.read('/proc/self/stat')
  const before = openFiles()
  const times = [1, 2, 3].map(() => files.read('/proc/uptime').toString())
  assert.equal(openFiles(), before + 1)
  assert.ok(times.every((time) => /^\d+\.\d\d \d+\.\d\d\n$/.test(time)))
  const busyUntil = performance.now() + 30
  while (performance.now() < busyUntil);
  assert.notEqual(files.read('/proc/uptime').toString(), times[2])
  for (let i = 0; i < 5; i++) files.endCycle()
  assert.equal(openFiles(), before)
})

test('an attribute is read up to the limit', () => {
  const files = diskFiles('/proc')
  for (let i = 0; i < 3; i++) assert.equal(files.read('/proc/version', 5).toString(), 'Linux')
})

test('a file longer than the buffer is read completely', (t) => {
  const { path, files, write } = folder(t)
  const text = 'a line of text\n'.repeat(5000)
  write('long', text)
  assert.equal(files.read(`${path}/long`).toString(), text)
})

test('status describes a path, and is undefined if the path does not exist', (t) => {
  const { path, files, write } = folder(t)
  write('file', '')
  assert.equal(files.status(path)?.kind, 'directory')
  assert.equal(files.status(`${path}/file`)?.kind, 'file')
  assert.equal(files.status('/dev/null')?.kind, 'other')
  assert.equal(files.status(`${path}/nothing`), undefined)
  assert.equal(files.status(`${path}/file/below`), undefined)
})

test('thousands of files do not exceed the limit of open descriptors', (t) => {
  const { path, files } = folder(t)
  for (let i = 0; i < 2000; i++) assert.throws(() => files.read(`${path}/${i}`), errno('ENOENT'))
  const kernel = diskFiles('/proc')
  const names = readdirSync('/proc/sys/kernel').map((name) => `/proc/sys/kernel/${name}`)
  const attributes = [...names, ...readdirSync('/proc/sys/vm').map((name) => `/proc/sys/vm/${name}`)]
  const before = openFiles()
  for (let i = 0; i < 3; i++)
    for (const file of attributes) {
      try {
        kernel.read(file)
      } catch {
        // a directory, or not permitted
      }
    }
  assert.ok(openFiles() - before <= 320)
  kernel.close()
  assert.equal(openFiles(), before)
  for (let i = 0; i < 3; i++) kernel.read('/proc/loadavg')
  assert.equal(openFiles(), before)
})

describe('a file of another user', () => {
  test('is read if it is a regular file within the size, also through a link', (t) => {
    const { path, write } = folder(t)
    write('file', 'text')
    symlinkSync('file', `${path}/link`)
    const { bytes, isPublic } = readRegular(`${path}/link`, 4)
    assert.equal(bytes.toString(), 'text')
    assert.equal(isPublic, true)
    assert.throws(() => readRegular(`${path}/file`, 3), /larger than 3 bytes/)
    write('empty', '')
    assert.equal(readRegular(`${path}/empty`, 0).bytes.length, 0)
  })

  test('is refused at once if it is a FIFO, a device, a directory, a socket or a sparse file of 1 GB', async (t) => {
    const { path, write } = folder(t)
    execFileSync('mkfifo', [`${path}/fifo`])
    symlinkSync('/dev/zero', `${path}/zero`)
    mkdirSync(`${path}/directory`)
    write('sparse', '')
    truncateSync(`${path}/sparse`, 1e9)
    const server = createServer().listen(`${path}/socket`)
    t.after(() => server.close())
    await once(server, 'listening')
    for (const [name, message] of [
      ['fifo', /expected a regular file/],
      ['zero', /expected a regular file/],
      ['directory', /EISDIR/],
      ['socket', /ENXIO/],
      ['sparse', /larger than/],
    ] as const)
      assert.throws(() => readRegular(`${path}/${name}`, 1000), message)
  })

  test('of the kernel, which has no size, is read up to the limit', () => {
    assert.ok(readRegular('/proc/self/status', 100_000).bytes.length > 100)
    assert.throws(() => readRegular('/proc/self/status', 10), /larger than 10 bytes/)
  })

  test('may be quoted only if every user may read it', (t) => {
    const { path, write } = folder(t)
    write('file', 'text')
    chmodSync(`${path}/file`, 0o640)
    assert.equal(readRegular(`${path}/file`, 4).isPublic, false)
  })

  test('that this user reads only with CAP_DAC_READ_SEARCH must not be quoted', needsRoot, (t) => {
    const { path, write } = folder(t)
    write('file', 'text')
    chmodSync(`${path}/file`, 0o644)
    chmodSync(path, 0o700)
    const script = `import { readRegular } from ${JSON.stringify(join(root, 'src/util/regular-file.ts'))}
      const { bytes, isPublic } = readRegular(${JSON.stringify(`${path}/file`)}, 4)
      console.log(bytes.toString(), isPublic)`
    const capability = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search']
    const command = ['--reuid=1234', '--regid=1234', '--clear-groups', ...capability, process.execPath]
    const output = execFileSync('setpriv', [...command, '--input-type=module', '-e', script], { encoding: 'utf8' })
    assert.equal(output, 'text false\n')
  })
})

test('a directory with many entries is listed up to a limit', (t) => {
  const { path, files, write } = folder(t)
  for (const name of ['c', 'a', 'b']) write(name, '')
  assert.equal(files.list(path, 2).length, 2)
  assert.deepEqual(files.list(path, 3), ['a', 'b', 'c'])
})

test('the buffer of a large file is released at the end of the interval, and a file above 32 MiB is an error', async (t) => {
  const { path, files, write } = folder(t)
  write('large', 'x'.repeat(30_000_000))
  write('huge', '')
  truncateSync(`${path}/huge`, 500e6)
  const before = process.memoryUsage().arrayBuffers
  files.read(`${path}/large`)
  assert.throws(() => files.read(`${path}/huge`), /EFBIG/)
  files.endCycle()
  await setImmediate() // the exceptions of this function hold no buffer any more
  gc()
  gc()
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
})
