import { zstdCompressSync } from 'node:zlib'
import { SnappyCompressor } from 'snappyjs/snappy_compressor.js'
import type { Headers, Outcome } from '../../http/index.ts'

import type { Encoder } from './encoder.ts'

/** How bodies are compressed. zstd is VictoriaMetrics' own variant of remote-write 1.0. */
export const compressions = ['snappy', 'zstd'] as const
export type Compression = (typeof compressions)[number]

/** A body as it goes out, and the headers that say what it is. The bytes hold until the next one is packed. */
export interface CompressedRequest {
  readonly body: Uint8Array
  readonly headers: Headers
}

/**
 * Compresses bodies. An older VictoriaMetrics, or another receiver, knows no zstd and says 400 or 415: one that has
 * never taken any is sent snappy from then on, and what it has refused once more.
 */
export class Compressor {
  readonly #snappy = createSnappy()
  readonly #userAgent: string
  #zstd: 'off' | 'untried' | 'taken'
  /** How the last body was packed. */
  #last: Compression = 'snappy'

  constructor(compression: Compression, userAgent: string) {
    this.#zstd = compression === 'zstd' ? 'untried' : 'off'
    this.#userAgent = userAgent
  }

  pack(bytes: Uint8Array, { contentType, version }: Pick<Encoder, 'contentType' | 'version'>): CompressedRequest {
    const headers = { 'content-type': contentType, 'user-agent': this.#userAgent }
    this.#last = this.#zstd !== 'off' && version.startsWith('0.') ? 'zstd' : 'snappy'
    if (this.#last === 'zstd')
      return {
        body: zstdCompressSync(bytes),
        headers: { ...headers, 'content-encoding': 'zstd', 'x-victoriametrics-remote-write-version': '1' },
      }
    return {
      body: this.#snappy(bytes),
      headers: { ...headers, 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': version },
    }
  }

  /** Learns from the answer to the last body. True where the same is to go out again, packed in another way. */
  learn({ kind, status }: { readonly kind: Outcome['kind'] | 'stuck'; readonly status?: number }): boolean {
    if (this.#last !== 'zstd') return false
    if (kind === 'delivered') this.#zstd = 'taken'
    const isUnknown = kind === 'rejected' && (status === 400 || status === 415)
    if (!isUnknown || this.#zstd === 'taken') return false
    this.#zstd = 'off'
    return true
  }
}

/** Makes a function that compresses to the snappy block format. What it gives is overwritten by its next call. */
export function createSnappy(): (bytes: Uint8Array) => Uint8Array {
  let output: Uint8Array = Buffer.allocUnsafeSlow(4096)
  return (bytes) => {
    const compressor = new SnappyCompressor(bytes)
    const most = compressor.maxCompressedLength()
    if (output.length < most) output = Buffer.allocUnsafeSlow(most * 2)
    return output.subarray(0, compressor.compressToBuffer(output))
  }
}
