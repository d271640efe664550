import { createDecoder, isStale, toNumber } from '../../src/demo-receiver/decode.ts'
import { seriesKey } from '../../src/demo-receiver/labels.ts'
import { parseRequest } from '../../src/demo-receiver/request.ts'
import { type ConformanceEntry, requestTimeout } from '../support/output-conformance.ts'

const decode = await createDecoder()
const limits = { compressedBytes: 1e6, uncompressedBytes: 1e6 }
const identity = new Set(['job', 'instance'])

/** Remote-write 1.0, without pacing and metadata requests. */
export const remoteWrite: ConformanceEntry = {
  kind: 'remote_write',
  block: (origin) => ({
    url: `${origin}/api/v1/write`,
    protobuf_message: 'prometheus.WriteRequest',
    remote_timeout: requestTimeout,
    metadata_config: { send: false },
    queue_config: { pacing: 'off' },
  }),
  success: 204,
  samples({ headers, body }) {
    const { request } = parseRequest({ headers, body }, decode, limits)
    return (request?.series ?? []).flatMap(({ labels, samples }) => {
      const series = seriesKey(labels.filter(([name]) => !identity.has(name)))
      return samples.filter(({ bits }) => !isStale(bits)).map(({ bits }) => ({ series, value: toNumber(bits) }))
    })
  },
}
