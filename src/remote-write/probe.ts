import type { AnswerHead, Finding, OutputProbe, ProbeAnswer, ProbeRequest } from '../output.ts'
import type { EndpointOptions } from './options.ts'

const emptyWrite = (contentType: string, version: string, bytes: readonly number[]): ProbeRequest => ({
  body: Uint8Array.from(bytes),
  headers: {
    'content-type': contentType,
    'content-encoding': 'snappy',
    'x-prometheus-remote-write-version': version,
  },
})

/** A 1.0 request without series: an empty message, which snappy encodes as its length 0. */
export const emptyV1 = emptyWrite('application/x-protobuf', '0.1.0', [0])

/** A 2.0 request without series: a symbol table with the required empty string, two bytes as one snappy literal. */
const emptyV2 = emptyWrite('application/x-protobuf;proto=io.prometheus.write.v2.Request', '2.0.0', [2, 4, 0x22, 0])

/** Probes for 2.0 after the receiver accepted 1.0. */
export const followUp =
  ({ protobufMessage }: EndpointOptions): NonNullable<OutputProbe['followUp']> =>
  async (ask) => [supportedVersion(await ask(emptyV2), protobufMessage)]

/** https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/#required-written-response-headers */
function supportedVersion({ outcome, heads }: ProbeAnswer, message: EndpointOptions['protobufMessage']): Finding {
  const thing = 'protocol'
  const head = heads.at(-1)
  const counts = Object.keys(head?.headers ?? {}).some((name) => writtenCount.test(name))
  if (outcome.kind === 'delivered' && counts) return { level: 'ok', thing, text: 'supports remote-write 2.0' }
  const text = `supports remote-write 1.0, not 2.0${answered(head)}`
  if (message !== 'io.prometheus.write.v2.Request') return { level: 'ok', thing, text }
  return { level: 'fail', thing, text, remedy: 'set protobuf_message to auto or prometheus.WriteRequest' }
}

const writtenCount = /^x-prometheus-remote-write-\w+-written$/i
const answered = (head: AnswerHead | undefined) => (head === undefined ? '' : ` (HTTP ${head.status} to a 2.0 request)`)
