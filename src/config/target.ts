import type { Access } from '../http/connection.ts'
import type { Target } from '../http/request.ts'
import { accessOf, type Said } from './access.ts'
import { credentialsOf } from './credentials.ts'
import type { TargetShape } from './target-shape.ts'
import { sizeBytes } from './units.ts'

/** Where requests of an output go, as whom and how. */
export type Reached = Pick<Target, 'url' | 'headers' | 'credentials' | 'redirects' | 'bytesPerSecond'> & {
  readonly access: Access
}

/** Problems are added with their place. */
export async function targetOf(block: TargetShape, said: Said): Promise<Reached> {
  const url = new URL(block.url)
  const credentials = await credentialsOf(block, url, said)
  url.username = ''
  url.password = ''
  const own = block.headers ?? {}
  const limit = sizeBytes(block.bandwidth_limit ?? '')
  return {
    url,
    headers: () => own,
    ...(credentials && { credentials }),
    access: await accessOf(block, said),
    redirects: block.follow_redirects === false ? 'refuse' : 'follow',
    ...(limit !== undefined && { bytesPerSecond: limit }),
  }
}
