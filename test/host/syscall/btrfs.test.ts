import assert from 'node:assert/strict'
import { test } from 'node:test'
import { btrfs } from '../../../src/host/syscall/btrfs.ts'
import type { Libc } from '../../../src/host/syscall/ffi.ts'

/** Fills the three structures of linux/btrfs.h, for devices 1 and 3; device 2 was removed. */
const libc = (failing?: number) =>
  ({
    async ioctl(_fd: number, request: number, bytes: Buffer) {
      if (request === failing) throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      assert.equal(bytes.length, (request >>> 16) & 0x3fff, 'the length that the request number says')
      const id = bytes.readBigUInt64LE(0)
      if (request === 0x8400941f) {
        bytes.writeBigUInt64LE(3n, 0)
        bytes.writeBigUInt64LE(2n, 8)
        Buffer.from('62e3abb9f69142f383fb3833ef091e5d', 'hex').copy(bytes, 16)
        return 0
      }
      if (id !== 1n && id !== 3n) throw Object.assign(new Error('ENODEV'), { code: 'ENODEV' })
      if (request === 0xd000941e) {
        bytes.fill(Number(id), 8, 24)
        bytes.writeBigUInt64LE(100n, 24)
        bytes.writeBigUInt64LE(1000n + id, 32)
        bytes.write(id === 1n ? '/dev/loop0' : '/dev/mapper/vg-b', 3072)
      } else {
        assert.equal(bytes.readBigUInt64LE(8), 5n)
        for (let i = 0; i < 5; i++) bytes.writeBigUInt64LE(id * 10n + BigInt(i), 24 + 8 * i)
      }
      return 0
    },
  }) as unknown as Libc

test('a volume has its existing devices, with sizes and errors', async () => {
  const volume = await btrfs(libc(), '/')
  assert.equal(volume.id, '62e3abb9-f691-42f3-83fb-3833ef091e5d')
  assert.deepEqual(volume.devices, [
    {
      id: '01010101-0101-0101-0101-010101010101',
      name: 'loop0',
      sizeBytes: 1001,
      allocatedBytes: 100,
      errors: [
        ['write', 10],
        ['read', 11],
        ['flush', 12],
        ['corruption', 13],
        ['generation', 14],
      ],
    },
    {
      id: '03030303-0303-0303-0303-030303030303',
      name: 'vg-b',
      sizeBytes: 1003,
      allocatedBytes: 100,
      errors: [
        ['write', 30],
        ['read', 31],
        ['flush', 32],
        ['corruption', 33],
        ['generation', 34],
      ],
    },
  ])
})

test('an error of the kernel is a failure', async () => {
  await assert.rejects(btrfs(libc(0x8400941f), '/'), { code: 'EPERM' })
  await assert.rejects(btrfs(libc(0xd000941e), '/'), { code: 'EPERM' })
  await assert.rejects(btrfs(libc(), '/nowhere'), { code: 'ENOENT' })
})
