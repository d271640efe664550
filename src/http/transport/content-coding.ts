import type { Transform } from 'node:stream'

type Zlib = typeof import('node:zlib')

/** RFC 9110 section 8.4.1, RFC 8878. Some servers send `deflate` without the header of zlib. */
const decoders: Readonly<Record<string, (zlib: Zlib, body: Buffer) => Transform>> = {
  gzip: (zlib) => zlib.createGunzip({ finishFlush: zlib.constants.Z_SYNC_FLUSH }),
  'x-gzip': (zlib) => zlib.createGunzip({ finishFlush: zlib.constants.Z_SYNC_FLUSH }),
  deflate: (zlib, body) => {
    const options = { finishFlush: zlib.constants.Z_SYNC_FLUSH }
    const hasHeader = ((body[0] ?? 0) & 0x0f) === 8 && ((body[0] ?? 0) * 256 + (body[1] ?? 0)) % 31 === 0
    return hasHeader ? zlib.createInflate(options) : zlib.createInflateRaw(options)
  },
  br: (zlib) => zlib.createBrotliDecompress({ finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH }),
  zstd: (zlib) => zlib.createZstdDecompress({ finishFlush: zlib.constants.ZSTD_e_flush }),
}

/**
 * The first `maxBytes` of a body without its content coding. The body may be cut: its beginning is decoded. Empty if the
 * coding is not known or the body is invalid, because compressed bytes are no text.
 */
export async function decodedBody(body: Buffer, coding: string, maxBytes: number): Promise<Buffer> {
  const name = coding.trim().toLowerCase()
  if (name === '' || name === 'identity' || body.length === 0) return body
  const create = Object.hasOwn(decoders, name) ? decoders[name] : undefined
  if (create === undefined) return Buffer.alloc(0)
  const decoder = create(await import('node:zlib'), body)
  const parts: Buffer[] = []
  let length = 0
  try {
    decoder.end(body)
    for await (const part of decoder as AsyncIterable<Buffer>) {
      parts.push(part)
      length += part.length
      if (length >= maxBytes) break // destroys the decoder: a small body may contain gigabytes
    }
  } catch {
    // a cut or invalid body: what was decoded before counts
  }
  return Buffer.concat(parts).subarray(0, maxBytes)
}
