import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { messageOf } from '../util/log.ts'
import type { Decode, Incoming } from './decode.ts'
import type { Version } from './labels.ts'
import { unpack } from './snappy.ts'

/** What one write request turned out to be: `incoming`, or why it is none. */
export interface Reading {
  readonly version?: Version
  readonly incoming?: Incoming
  readonly refusal?: Refusal
  readonly compressedBytes: number
  readonly uncompressedBytes: number
}

/** An answer that says no, and to what. */
export interface Refusal {
  readonly status: number
  readonly text: string
}

/** Bounds of a body, before and after it is uncompressed. */
export interface Limits {
  readonly compressedBytes: number
  readonly uncompressedBytes: number
}

/** The body, or undefined if it is longer than the limit: then it is read no further. */
export async function bodyOf(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return undefined
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** A request whose body was read; undefined if it is longer than the limit. */
interface Arrived {
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer | undefined
}

export function read({ headers, body }: Arrived, decode: Decode, limits: Limits): Reading {
  const sizes = { compressedBytes: body?.length ?? 0, uncompressedBytes: 0 }
  if (body === undefined) return { refusal: tooLong(`body of more than ${limits.compressedBytes} bytes`), ...sizes }
  const version = versionOf(headers)
  if (typeof version === 'object') return { refusal: version, ...sizes }
  try {
    const bytes = unpack(body, limits.uncompressedBytes)
    if (bytes === undefined)
      return { version, refusal: tooLong(`more than ${limits.uncompressedBytes} bytes uncompressed`), ...sizes }
    sizes.uncompressedBytes = bytes.length
    return { version, incoming: decode(version, bytes), ...sizes }
  } catch (error) {
    return { version, refusal: { status: 400, text: messageOf(error) }, ...sizes }
  }
}

const tooLong = (text: string): Refusal => ({ status: 413, text })

const messages: Readonly<Record<string, Version>> = {
  'prometheus.WriteRequest': 1,
  'io.prometheus.write.v2.Request': 2,
}

/**
 * The protocol that a request's headers announce. Stricter than Prometheus, which lets a missing one pass: who writes
 * a sender wants to know. https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/#protocol
 */
function versionOf(headers: IncomingHttpHeaders): Version | Refusal {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';').map((part) => part.trim())
  if (type.toLowerCase() !== 'application/x-protobuf')
    return { status: 415, text: `Content-Type is ${type || 'missing'}, not application/x-protobuf` }
  const proto = parameters.find((parameter) => parameter.startsWith('proto='))?.slice(6) ?? 'prometheus.WriteRequest'
  const version = messages[proto]
  if (version === undefined) return { status: 415, text: `Content-Type names a message not known here: ${proto}` }
  const encoding = headers['content-encoding'] ?? ''
  if (encoding.toLowerCase() !== 'snappy')
    return { status: 415, text: `Content-Encoding is ${encoding || 'missing'}, not snappy` }
  if (headers['user-agent'] === undefined) return { status: 400, text: 'User-Agent is missing' }
  if (version === 1 && headers['x-prometheus-remote-write-version'] === undefined)
    return { status: 400, text: 'X-Prometheus-Remote-Write-Version is missing; for this message it is 0.1.0' }
  return version
}
