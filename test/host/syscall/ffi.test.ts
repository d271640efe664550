import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKernel } from '../../../src/host/kernel.ts'
import { failure, loadLibc, NoKernel } from '../../../src/host/syscall/ffi.ts'
import { libcOf } from '../../support/libc.ts'

/** Skips the test if koffi has no build for this host; in CI it must have one. */
const libc = await loadLibc().catch((error: unknown) => {
  if (process.env.CI === 'true') throw error
})
const skip = libc === undefined && 'koffi cannot be loaded here'

test('without koffi system calls fail with the reason', async () => {
  const kernel = createKernel(() =>
    loadLibc(() => Promise.reject(new Error("Cannot find package 'koffi'\nRequire stack:"))),
  )
  await assert.rejects(kernel.adjtimex(), (error) => {
    assert.ok(error instanceof NoKernel)
    assert.match(error.message, /koffi, which cannot be loaded: Cannot find package 'koffi'$/)
    return true
  })
})

test("koffi's native module is loaded first, then koffi itself", async () => {
  const tried: string[] = []
  await assert.rejects(
    loadLibc((name) => {
      tried.push(name)
      return Promise.reject(new Error('no'))
    }),
  )
  assert.deepEqual(tried, [`@koromix/koffi-${process.platform}-${process.arch}`, 'koffi'])
})

test('libc is loaded once, at the first call', async () => {
  let loads = 0
  const kernel = createKernel(async () => {
    loads++
    return libcOf({ adjtimex: () => 5 })
  })
  assert.equal(loads, 0)
  await Promise.all([kernel.adjtimex(), kernel.adjtimex()])
  assert.equal(loads, 1)
  kernel.close()
})

test('an errno has its name', () => {
  const { code, message } = failure('ioctl', 25) as NodeJS.ErrnoException
  assert.deepEqual([code, message], ['ENOTTY', 'ENOTTY: ioctl'])
})

test('adjtimex of this host returns the tick length', { skip }, async () => {
  const timex = await createKernel().adjtimex()
  assert.ok(timex.state >= 0 && timex.state <= 5)
  assert.ok(timex.tick >= 9000 && timex.tick <= 11000, `${timex.tick}`)
})

test('an interface name is found by index, undefined for an unknown index', { skip }, () => {
  assert.equal(libc?.interfaceName(1), 'lo')
  assert.equal(libc?.interfaceName(2 ** 31 - 1), undefined)
})

test('a failed call has its name and errno, on the event loop and in a thread', { skip }, async () => {
  assert.throws(() => libc?.socket(9999, 1, 0), { code: 'EAFNOSUPPORT', message: 'EAFNOSUPPORT: socket' })
  await assert.rejects(libc?.ioctl(-1, 0, Buffer.alloc(64)) ?? Promise.resolve(), { code: 'EBADF', syscall: 'ioctl' })
})

test('concurrent failed calls have the right errno each', { skip }, async () => {
  const socket = libc?.socket(2, 2, 0) ?? -1
  const codes = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      libc?.ioctl(i % 2 === 0 ? -1 : socket, 0xffff_fff0, Buffer.alloc(64)).catch(({ code }) => code),
    ),
  )
  libc?.close(socket)
  assert.deepEqual(new Set(codes.filter((_, i) => i % 2 === 0)), new Set(['EBADF']))
  assert.ok(!codes.some((code, i) => i % 2 === 1 && code === 'EBADF'), String(codes))
})

test('this host has a loopback link, a route table and sockets', { skip }, async () => {
  const kernel = createKernel()
  assert.equal((await kernel.links())[0]?.name, 'lo')
  assert.ok((await kernel.addresses()).length >= 0)
  assert.ok((await kernel.routes()).length >= 0)
  assert.ok((await kernel.sockets('ipv4')).states instanceof Map)
  await assert.rejects(
    kernel.linkModes().then(() => Promise.reject(new Error('answered'))),
    /answered|ENOENT/,
  )
  kernel.close()
})
