import type { EndpointOptions } from '../remote-write/index.ts'
import type { Said } from './access.ts'
import type { RemoteWriteShape } from './shape.ts'
import { targetOf } from './target.ts'
import { milliseconds } from './units.ts'

/** One endpoint from its block; problems are added with their place. */
export async function endpointOf(block: RemoteWriteShape, said: Said, alone: boolean): Promise<EndpointOptions> {
  if (block.name === undefined && !alone)
    said.problems.push(`${said.place}.name: is needed where there are several endpoints`)
  const minMs = milliseconds(block.queue_config?.min_backoff, 1000)
  return {
    name: block.name ?? 'default',
    ...(await targetOf(block, said)),
    timeoutMs: milliseconds(block.remote_timeout, 30_000),
    backoff: { minMs, maxMs: Math.max(minMs, milliseconds(block.queue_config?.max_backoff, 60_000)) },
    maxSamplesPerSend: block.queue_config?.max_samples_per_send ?? 10_000,
    metadataIntervalMs:
      block.metadata_config?.send === false ? 0 : milliseconds(block.metadata_config?.send_interval, 60_000),
    sendIntervalMs: milliseconds(block.send_interval, 0),
    offsetMs: 0,
    ageLimitMs: milliseconds(block.queue_config?.sample_age_limit, 0),
    pacing: block.queue_config?.pacing ?? 'on',
  }
}
