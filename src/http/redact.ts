import type { Headers } from './types.ts'

/** Headers without secrets: tenant, project to bill, and the inputs of AWS's signature. */
const plainName = /^(x-scope-orgid|thanos-tenant|accountid|projectid|x-amz-(date|content-sha256))$|tenant/i

/** The secrets of a request: values of hostpush's headers (except tenant headers) and of the URL's query. */
export function secretsOf({ searchParams }: URL, headers: Headers): readonly string[] {
  const inHeaders = Object.entries(headers).flatMap(([name, value]) => {
    if (plainName.test(name)) return []
    return name.toLowerCase() === 'authorization' ? partsOf(value) : [value, ...value.split(/[,;] /).flatMap(pieces)]
  })
  return [...inHeaders, ...searchParams.values()].filter((secret) => secret.length > 3)
}

/** An element of a list or of cookies, without its scheme, and the value after `=`. */
const pieces = (one: string): readonly string[] => [one, ...partsOf(one), one.slice(one.indexOf('=') + 1)]

/** Credentials without their scheme. For `Basic` also the password, for AWS's signature also the access key. */
export function partsOf(value: string): readonly string[] {
  const [, scheme = '', token = ''] = /^(?:(\S+) )?(.*)$/s.exec(value) ?? []
  if (scheme.startsWith('AWS4-')) return [token, ...(/\bCredential=([^/]+)/.exec(token)?.slice(1) ?? [])]
  if (scheme !== 'Basic') return [token]
  const pair = Buffer.from(token, 'base64').toString()
  return [token, pair.slice(pair.indexOf(':') + 1)]
}

/** Replaces secrets by `***`: a receiver or a proxy may repeat them in its answer. */
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

/** A URL that is safe to show: values in its query are masked, they may be keys. */
export function redactedUrl({ origin, pathname, searchParams }: URL): string {
  const names = [...searchParams.keys()].map((name) => `${name}=***`)
  return `${origin}${pathname}${names.length === 0 ? '' : `?${names.join('&')}`}`
}
