import { messageOf } from '../../util/log.ts'

/** `40B3…:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/openssl/…:78:` and a line end. */
const openssl = /(?:[0-9A-F]+:)?error:[0-9A-F]{8}:[^:]*:[^:]*:([^:\n]*)[^\n]*\n?/g
/** Advice of Node for its command line. */
const advice = /; if the root CA is installed locally, try running Node\.js with --use-system-ca/g

/** An error's message without the details of OpenSSL and Node. */
export const wordsOf = (error: unknown): string =>
  messageOf(error).replace(openssl, 'TLS: $1').replace(advice, '').trim()
