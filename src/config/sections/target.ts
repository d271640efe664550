import type { Access, Target } from '../../http/index.ts'

import { credentialsOf } from '../auth/credentials.ts'
import { headersOf } from '../auth/headers.ts'
import { accessOf } from '../auth/tls-and-proxy.ts'
import type { BlockContext } from '../context.ts'
import type { TargetShape } from '../schema/target.ts'
import { sizeBytes } from '../schema/units.ts'

/** URL, credentials and access of an output. */
export type Reached = Pick<Target, 'url' | 'headers' | 'credentials' | 'redirects' | 'bytesPerSecond'> & {
  readonly access: Access
}

/** Adds problems with their place. */
export async function targetOf(block: TargetShape, context: BlockContext): Promise<Reached> {
  const url = new URL(block.url)
  const credentials = await credentialsOf(block, url, context)
  url.username = ''
  url.password = ''
  const limit = sizeBytes(block.bandwidth_limit ?? '')
  return {
    url,
    headers: await headersOf(block, context),
    ...(credentials && { credentials }),
    access: { ...(await accessOf(block, context)), ...(block.round_robin_dns && { addresses: 'at random' }) },
    redirects: block.follow_redirects === false ? 'refuse' : 'follow',
    ...(limit !== undefined && { bytesPerSecond: limit }),
  }
}
