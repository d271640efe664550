import type { BlockContext } from '../../config/output-block.ts'
import type { RemoteWriteBlock } from './schema.ts'

const ordered = 'one request after another is sent, so that samples arrive in order'

/** Of a block, which of its words are passed over, and why. */
export function ignoredKeys(
  block: RemoteWriteBlock,
  { place, warnings }: Pick<BlockContext, 'place' | 'warnings'>,
): void {
  const { queue_config: queue = {}, metadata_config: metadata = {} } = block
  const why: Readonly<Record<string, string | false | undefined>> = {
    send_exemplars: block.send_exemplars && 'hosts have no exemplars, and those of other programs are left out',
    send_native_histograms: block.send_native_histograms && 'what is sent holds none',
    failed_request_logging:
      block.failed_request_logging && 'what is refused is set aside with its reason: hostpush buffer ls',
    enable_http2: block.enable_http2 && 'HTTP/1.1 is spoken over one connection',
    'queue_config.capacity': queue.capacity !== undefined && 'what waits is in the buffer: buffer.max_bytes',
    'queue_config.min_shards': (queue.min_shards ?? 1) > 1 && ordered,
    'queue_config.max_shards': (queue.max_shards ?? 1) > 1 && ordered,
    'queue_config.batch_send_deadline':
      queue.batch_send_deadline !== undefined && 'each snapshot is sent at once; send_interval lets several wait',
    'queue_config.retry_on_http_429':
      queue.retry_on_http_429 === false && '429 is always tried again, and nothing lost',
    'metadata_config.max_samples_per_send':
      metadata.max_samples_per_send !== undefined && 'type and help of all metrics go in one request',
  }
  for (const [key, reason] of Object.entries(why))
    if (reason) warnings.push(`${place}.${key}: has no meaning here: ${reason}`)
}
