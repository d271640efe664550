import type { BlockContext } from '../../config/output-block.ts'
import type { RemoteWriteBlock } from './schema.ts'

const ordered = 'hostpush sends one request at a time, so that samples arrive in order'

/** Warns about keys of Prometheus that hostpush accepts and ignores, with the reason. */
export function ignoredKeys(
  block: RemoteWriteBlock,
  { place, warnings }: Pick<BlockContext, 'place' | 'warnings'>,
): void {
  const { queue_config: queue = {}, metadata_config: metadata = {} } = block
  const reasons: Readonly<Record<string, string | false | undefined>> = {
    send_exemplars: block.send_exemplars && 'hostpush does not send exemplars',
    send_native_histograms: block.send_native_histograms && 'hostpush does not send native histograms',
    failed_request_logging:
      block.failed_request_logging &&
      'rejected samples are saved as dead letters with the reason, see hostpush buffer ls',
    enable_http2: block.enable_http2 && 'hostpush uses HTTP/1.1 over one connection',
    'queue_config.capacity':
      queue.capacity !== undefined && 'the backlog is in the buffer, limited by buffer.max_bytes',
    'queue_config.min_shards': (queue.min_shards ?? 1) > 1 && ordered,
    'queue_config.max_shards': (queue.max_shards ?? 1) > 1 && ordered,
    'queue_config.batch_send_deadline':
      queue.batch_send_deadline !== undefined &&
      'each snapshot is sent immediately, set send_interval to collect several',
    'queue_config.retry_on_http_429':
      queue.retry_on_http_429 === false && 'requests with status 429 are always retried, so that no sample is lost',
    'metadata_config.max_samples_per_send':
      metadata.max_samples_per_send !== undefined && 'the metadata of all metrics is sent in one request',
  }
  for (const [key, reason] of Object.entries(reasons))
    if (reason) warnings.push(`${place}.${key}: has no effect: ${reason}`)
}
