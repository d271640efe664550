import type { Headers } from './types.ts'

/** Names of headers that say for whom a request is, or who pays, or what the signature of AWS was made of: no secrets. */
const plainName = /^(x-scope-orgid|thanos-tenant|accountid|projectid|x-amz-(date|content-sha256))$|tenant/i

/** What of a request nobody else is to see: our headers, but for the tenant's, and the values of the URL's query. */
export function secretsOf({ searchParams }: URL, headers: Headers): readonly string[] {
  const proofs = Object.entries(headers).flatMap(([name, value]) => {
    if (plainName.test(name)) return []
    return name.toLowerCase() === 'authorization' ? partsOf(value) : [value, ...value.split(/[,;] /).flatMap(pieces)]
  })
  return [...proofs, ...searchParams.values()].filter((secret) => secret.length > 3)
}

/** Of a list, or of cookies: each, and its value. */
const pieces = (one: string): readonly string[] => [one, ...partsOf(one), one.slice(one.indexOf('=') + 1)]

/** A scheme is no secret; of `Basic` it is the password, too, of AWS's signature the key's name. */
export function partsOf(value: string): readonly string[] {
  const [, scheme = '', token = ''] = /^(?:(\S+) )?(.*)$/s.exec(value) ?? []
  if (scheme.startsWith('AWS4-')) return [token, ...(/\bCredential=([^/]+)/.exec(token)?.slice(1) ?? [])]
  if (scheme !== 'Basic') return [token]
  const pair = Buffer.from(token, 'base64').toString()
  return [token, pair.slice(pair.indexOf(':') + 1)]
}

/** A receiver, or what stands before it, may tell in its answer what it was shown. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets
    .flatMap(encodings)
    .sort((left, right) => right.length - left.length)
    .reduce((safe, secret) => safe.replaceAll(secret, '***'), text)
}

function encodings(secret: string): readonly string[] {
  const inUrl = encodeURIComponent(secret.toWellFormed())
  const lower = inUrl.replace(/%../g, (code) => code.toLowerCase())
  const inForm = inUrl.replaceAll('%20', '+')
  const inHtml = secret.replace(/[&<>"']/g, (character) => `&${entities[character]};`)
  const inXml = inHtml.replaceAll('&#39;', '&apos;').replaceAll('&quot;', '&#34;')
  return [secret, inUrl, lower, inForm, JSON.stringify(secret).slice(1, -1), inHtml, inXml]
}

const entities: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }

/** A URL as it may be shown: what stands in its query may be a key. */
export function redactedUrl({ origin, pathname, searchParams }: URL): string {
  const names = [...searchParams.keys()].map((name) => `${name}=***`)
  return `${origin}${pathname}${names.length === 0 ? '' : `?${names.join('&')}`}`
}
