import { zstdCompressSync } from 'node:zlib'
import { SnappyCompressor } from 'snappyjs/snappy_compressor.js'
import type { Headers, Outcome } from '../../http/index.ts'

import type { Encoder } from './encoder.ts'

/** Compression of request bodies. zstd is the variant of remote-write 1.0 that VictoriaMetrics supports. */
export const compressions = ['snappy', 'zstd'] as const
export type Compression = (typeof compressions)[number]

/** A compressed body with its headers. The bytes are overwritten by the next call of `pack`. */
export interface CompressedRequest {
  readonly body: Uint8Array
  readonly headers: Headers
}

/**
 * Compresses request bodies. A receiver that does not support zstd, for example an older VictoriaMetrics, returns 400 or
 * 415. If it has never accepted zstd, hostpush sends the request again with snappy and uses snappy from then on.
 */
export class Compressor {
  readonly #snappy = createSnappy()
  readonly #userAgent: string
  #zstd: 'off' | 'untried' | 'accepted'
  /** Compression of the last body. */
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

  /** Learns from the answer to the last body. Returns true if it must be sent again with another compression. */
  learn({ kind, status }: { readonly kind: Outcome['kind'] | 'stuck'; readonly status?: number }): boolean {
    if (this.#last !== 'zstd') return false
    if (kind === 'delivered') this.#zstd = 'accepted'
    const isUnsupported = kind === 'rejected' && (status === 400 || status === 415)
    if (!isUnsupported || this.#zstd === 'accepted') return false
    this.#zstd = 'off'
    return true
  }
}

/** Returns a function that compresses to the snappy block format. Its result is overwritten by the next call. */
export function createSnappy(): (bytes: Uint8Array) => Uint8Array {
  let output: Uint8Array = Buffer.allocUnsafeSlow(4096)
  return (bytes) => {
    const compressor = new SnappyCompressor(bytes)
    const maxBytes = compressor.maxCompressedLength()
    if (output.length < maxBytes) output = Buffer.allocUnsafeSlow(maxBytes * 2)
    return output.subarray(0, compressor.compressToBuffer(output))
  }
}
