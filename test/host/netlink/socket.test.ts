import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ask,
  attribute,
  attributesOf,
  eachAttribute,
  numberIn,
  readDatagram,
  textIn,
} from '../../../src/host/netlink/socket.ts'
import { failure, NoKernel } from '../../../src/host/syscall/ffi.ts'
import { done, libcOf, message, netlinkOf, refused } from '../../support/libc.ts'

const request = { protocol: 0, type: 18, dump: true, body: Buffer.from([1, 2, 3, 4]) }
const body = (text: string) => Buffer.from(text)

async function bodiesOf(datagrams: readonly Buffer[]) {
  const kernel = netlinkOf(() => datagrams)
  const bodies: string[] = []
  await ask(kernel.libc, request, (bytes, type) => bodies.push(`${type} ${bytes}`))
  return { bodies, ...kernel }
}

test('an answer in several datagrams is read completely', async () => {
  const datagrams = [
    Buffer.concat([message(16, body('one')), message(16, body('two2'))]),
    message(17, body('three')),
    done(),
  ]
  assert.deepEqual((await bodiesOf(datagrams)).bodies, ['16 one', '16 two2', '17 three'])
})

test('the end may be in the last datagram', async () => {
  const { bodies } = await bodiesOf([Buffer.concat([message(16, body('one')), done()]), message(16, body('late'))])
  assert.deepEqual(bodies, ['16 one'])
})

test('a single answer ends with its only message', async () => {
  assert.deepEqual((await bodiesOf([message(16, body('one'), 0)])).bodies, ['16 one'])
})

test('a request has length, type, flags and body', async () => {
  const { requests } = await bodiesOf([done()])
  assert.equal(requests[0]?.toString('hex'), '14000000120001030100000000000000' + '01020304')
})

test('the buffer grows for a longer message, which is not truncated', async () => {
  const long = 'x'.repeat(100_000)
  assert.deepEqual((await bodiesOf([message(16, body(long)), done()])).bodies, [`16 ${long}`])
})

test('an error message is thrown with its errno, and the socket is closed', async () => {
  const kernel = netlinkOf(() => [refused(1)])
  await assert.rejects(
    ask(kernel.libc, request, () => {}),
    { code: 'EPERM' },
  )
  assert.equal(kernel.open.size, 0)
})

test('an answer that fails half-way is an error, not a short answer', async () => {
  await assert.rejects(bodiesOf([message(16, body('one')), done(12)]), { code: 'ENOMEM' })
})

test('a missing answer is an error at once', async () => {
  await assert.rejects(bodiesOf([]), { code: 'EAGAIN' })
})

test('an overrun is an error', () => {
  assert.throws(() => readDatagram(message(4, body('')), () => {}), /lost/)
})

test('a no-op message is skipped', () => {
  const seen: number[] = []
  assert.equal(
    readDatagram(Buffer.concat([message(1, body('')), message(16, body('one'))]), (_, type) => seen.push(type)),
    'more',
  )
  assert.deepEqual(seen, [16])
})

test('an invalid length is an error, at any truncation', () => {
  const whole = message(16, body('some text'))
  for (let length = 17; length < 16 + 9; length++)
    assert.throws(() => readDatagram(whole.subarray(0, length), () => {}), /bytes remain/, `${length}`)
  const tooShort = Buffer.from(whole)
  tooShort.writeUInt32LE(15, 0)
  assert.throws(() => readDatagram(tooShort, () => {}), /invalid message length 15/)
})

test('attributes are read by type, without the flag bits', () => {
  const bytes = Buffer.concat([attribute(1, body('a')), attribute(0x8002, body('bcdef')), attribute(1, body('z'))])
  const found = attributesOf(bytes)
  assert.deepEqual([...found].map(String), ['1,z', '2,bcdef'])
  assert.deepEqual([...attributesOf(bytes, 0, (type) => type === 2).keys()], [2])
})

test('a truncated attribute ends the list', () => {
  const bytes = Buffer.concat([attribute(1, body('abcd')), attribute(2, body('efgh'))])
  for (let length = 0; length < bytes.length; length++) {
    const seen: string[] = []
    eachAttribute(bytes.subarray(0, length), 0, (type, value) => seen.push(`${type} ${value}`))
    assert.deepEqual(seen, length < 8 ? [] : ['1 abcd'])
  }
  assert.equal(attributesOf(Buffer.alloc(64)).size, 0)
})

test('a number has 1, 2, 4 or 8 bytes', () => {
  assert.equal(numberIn(Buffer.from([200])), 200)
  assert.equal(numberIn(Buffer.from([1, 2])), 0x0201)
  assert.equal(numberIn(Buffer.from([255, 255, 255, 255])), 4294967295)
  assert.equal(numberIn(Buffer.from('ffffffffffffff7f', 'hex')), Number(0x7fffffffffffffffn))
  assert.equal(numberIn(Buffer.from('0100000000002000', 'hex')), Number(0x20000000000001n))
  assert.equal(numberIn(Buffer.from([1, 2, 3])), undefined)
  assert.equal(numberIn(undefined), undefined)
})

test('a text ends at its zero byte', () => {
  assert.equal(textIn(Buffer.from('eth0\0\0\0')), 'eth0')
  assert.equal(textIn(Buffer.from('eth0')), 'eth0')
  assert.equal(textIn(Buffer.alloc(0)), '')
  assert.equal(textIn(undefined), undefined)
})

test('without permission for netlink sockets NoKernel is thrown', async () => {
  const forbidding = (errno: number) =>
    libcOf({
      socket() {
        throw failure('socket', errno)
      },
    })
  await assert.rejects(
    ask(forbidding(97), request, () => {}),
    NoKernel,
  )
  await assert.rejects(
    ask(forbidding(24), request, () => {}),
    { code: 'EMFILE' },
  )
})
