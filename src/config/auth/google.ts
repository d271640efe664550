import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Credentials, googleFileOf, googleIam } from '../../http/index.ts'

import type { BlockContext } from '../context.ts'
import { parseJson } from '../file/load.ts'
import type { TargetShape } from '../schema/target.ts'
import { inFile } from './secrets.ts'
import { proxyOnly } from './tls-and-proxy.ts'

/** Credentials of a file, or Application Default Credentials: https://cloud.google.com/docs/authentication/application-default-credentials */
export async function googleOf(
  { credentials_file }: NonNullable<TargetShape['google_iam']>,
  block: TargetShape,
  context: BlockContext,
): Promise<Credentials> {
  const { environment, files, problems } = context
  const place = `${context.place}.google_iam`
  const variable = environment['GOOGLE_APPLICATION_CREDENTIALS'] || undefined
  const file = credentials_file ?? variable ?? gcloudFile(environment)
  const from = credentials_file === undefined && file === variable ? ': GOOGLE_APPLICATION_CREDENTIALS' : ''
  const at = {
    place: credentials_file === undefined ? `${place}${from}` : `${place}.credentials_file`,
    files,
    problems,
  }
  return googleIam({
    ...(file !== undefined && { file: await inFile(file, at, (content) => googleFileOf(parseJson(content))) }),
    metadata: metadataAt(environment['GCE_METADATA_HOST'] || defaultHost, { place, problems }),
    access: await proxyOnly(block, context),
  })
}

const defaultHost = 'metadata.google.internal'

function metadataAt(host: string, { place, problems }: Pick<BlockContext, 'place' | 'problems'>): URL {
  const url = URL.parse(`http://${host}/`)
  if (url === null)
    problems.push(`${place}: invalid environment variable GCE_METADATA_HOST, expected HOST or HOST:PORT`)
  return url ?? new URL(`http://${defaultHost}/`)
}

/** The file that `gcloud auth application-default login` writes. */
function gcloudFile({ CLOUDSDK_CONFIG: own, HOME: home }: BlockContext['environment']): string | undefined {
  const folder = own || (home ? join(home, '.config/gcloud') : undefined)
  const file = folder && join(folder, 'application_default_credentials.json')
  return file && existsSync(file) ? file : undefined
}
