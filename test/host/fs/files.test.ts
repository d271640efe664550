import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { codeOf, diskFiles } from '../../../src/host/fs/files.ts'
import { temporary } from '../../support/servers.ts'

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
