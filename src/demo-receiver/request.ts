import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { messageOf } from '../util/log.ts'
import type { Decode, WriteRequest } from './decode.ts'
import type { ProtocolVersion } from './labels.ts'
import { uncompressSnappy } from './snappy.ts'

/** A write request after parsing: either `request` or `rejection` is set. */
export interface ParsedRequest {
  readonly version?: ProtocolVersion
  readonly request?: WriteRequest
  readonly rejection?: Rejection
  readonly compressedBytes: number
  readonly uncompressedBytes: number
}

/** The status and the reason of a request that the receiver does not accept. */
export interface Rejection {
  readonly status: number
  readonly text: string
}

export interface BodyLimits {
  readonly compressedBytes: number
  readonly uncompressedBytes: number
}

/** The body; undefined if it exceeds the limit. In that case the rest is not read. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return undefined
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

interface RawRequest {
  readonly headers: IncomingHttpHeaders
  /** Body as `readBody` returns it. */
  readonly body: Buffer | undefined
}

export function parseRequest({ headers, body }: RawRequest, decode: Decode, limits: BodyLimits): ParsedRequest {
  const sizes = { compressedBytes: body?.length ?? 0, uncompressedBytes: 0 }
  if (body === undefined) return { rejection: tooLarge(`body of more than ${limits.compressedBytes} bytes`), ...sizes }
  const version = versionOf(headers)
  if (typeof version === 'object') return { rejection: version, ...sizes }
  try {
    const bytes = uncompressSnappy(body, limits.uncompressedBytes)
    if (bytes === undefined)
      return { version, rejection: tooLarge(`more than ${limits.uncompressedBytes} bytes uncompressed`), ...sizes }
    sizes.uncompressedBytes = bytes.length
    return { version, request: decode(version, bytes), ...sizes }
  } catch (error) {
    return { version, rejection: { status: 400, text: messageOf(error) }, ...sizes }
  }
}

const tooLarge = (text: string): Rejection => ({ status: 413, text })

const versionByMessage: Readonly<Record<string, ProtocolVersion>> = {
  'prometheus.WriteRequest': 1,
  'io.prometheus.write.v2.Request': 2,
}

/**
 * The protocol version that the headers announce. Stricter than Prometheus, which accepts a request without them: the
 * developer of a sender needs to see the mistake.
 * https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/#protocol
 */
function versionOf(headers: IncomingHttpHeaders): ProtocolVersion | Rejection {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';').map((part) => part.trim())
  if (type.toLowerCase() !== 'application/x-protobuf')
    return { status: 415, text: `Content-Type is ${type || 'missing'}, not application/x-protobuf` }
  const proto = parameters.find((parameter) => parameter.startsWith('proto='))?.slice(6) ?? 'prometheus.WriteRequest'
  const version = versionByMessage[proto]
  if (version === undefined) return { status: 415, text: `Content-Type: message ${proto} is not supported` }
  const encoding = headers['content-encoding'] ?? ''
  if (encoding.toLowerCase() !== 'snappy')
    return { status: 415, text: `Content-Encoding is ${encoding || 'missing'}, not snappy` }
  if (headers['user-agent'] === undefined) return { status: 400, text: 'User-Agent is missing' }
  if (version === 1 && headers['x-prometheus-remote-write-version'] === undefined)
    return { status: 400, text: 'X-Prometheus-Remote-Write-Version is missing: this message requires 0.1.0' }
  return version
}
