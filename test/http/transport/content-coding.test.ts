import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { decodedBody } from '../../../src/http/transport/content-coding.ts'
import { answerOf, poster, rawServer } from '../../support/raw.ts'

const codings = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const

/** A receiver that answers 400 with this body. */
async function reasonOf(t: Parameters<typeof rawServer>[0], coding: string, body: Buffer): Promise<string> {
  const { port } = await rawServer(t, (socket) => {
    socket.write(answerOf(400, { 'content-encoding': coding, 'content-length': String(body.length) }))
    socket.write(body)
  })
  const outcome = await (await poster(t, `http://127.0.0.1:${port}/`)).post()
  return 'reason' in outcome ? outcome.reason : ''
}

for (const [coding, encode] of Object.entries(codings)) {
  describe(`an answer with ${coding}`, () => {
    test('is shown as text', async (t) => {
      const body = encode(Buffer.from('err-mimir-label-invalid: label x is not valid'))
      assert.equal(await reasonOf(t, coding, body), 'HTTP 400: err-mimir-label-invalid: label x is not valid')
    })

    test('that is longer than the limit is shown up to the limit', async (t) => {
      const random = Array.from({ length: 20_000 }, (_, i) => ((i * 7919) % 1_000_003).toString(36)).join(' ')
      const body = encode(Buffer.from(`too long\n${random}`))
      assert.ok(body.length > 8192)
      // a block of zstd, of up to 128 KiB, has no text before its end
      assert.equal(await reasonOf(t, coding, body), coding === 'zstd' ? 'HTTP 400' : 'HTTP 400: too long')
    })

    test('that would have a gigabyte is decoded up to the limit', async () => {
      const bomb = encode(Buffer.alloc(64 * 1024 * 1024))
      const before = process.memoryUsage().arrayBuffers
      assert.equal((await decodedBody(bomb, coding, 4096)).length, 4096)
      assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024)
    })

    test('that is invalid has no text', async (t) => {
      assert.equal(await reasonOf(t, coding, Buffer.from('this is not compressed, it is plain text')), 'HTTP 400')
    })
  })
}

test('deflate without the header of zlib is decoded too', async () => {
  assert.equal((await decodedBody(deflateRawSync(Buffer.from('text')), 'deflate', 100)).toString(), 'text')
})

test('an unknown coding gives no text, and identity all of it', async () => {
  for (const coding of ['compress', 'gzip, br', '__proto__'])
    assert.equal((await decodedBody(Buffer.from('text'), coding, 100)).length, 0, coding)
  for (const coding of ['', 'identity', ' Identity '])
    assert.equal((await decodedBody(Buffer.from('text'), coding, 100)).toString(), 'text')
})
