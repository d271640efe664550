import type { EndpointOptions } from '../../src/remote-write/index.ts'

/** Options of an endpoint that uses 1.0, sends each snapshot immediately and retries without delay. */
export const endpointOptions = (url: string, more: Partial<EndpointOptions> = {}): EndpointOptions => ({
  name: 'default',
  url: new URL(url),
  headers: () => ({}),
  timeoutMs: 20_000,
  backoff: { minMs: 5, maxMs: 20 },
  maxSamplesPerSend: 1000,
  protobufMessage: 'prometheus.WriteRequest',
  inline: 'full',
  metadataIntervalMs: 0,
  sendIntervalMs: 0,
  offsetMs: 0,
  intervalMs: 1000,
  ageLimitMs: 0,
  pacing: 'off',
  ...more,
})
