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

/** A longer beginning of a secret is hidden too: the receiver, or the limit for its answer, may have cut it. */
const minPrefix = 8

/**
 * Replaces secrets by `***`, whole or cut: a receiver or a proxy may repeat them in its answer, as they are, in base64 or
 * with escapes.
 */
export function redact(text: string, secrets: readonly string[]): string {
  const decoded = percentDecoded(text)
  const ranges = secrets.flatMap((secret) => [
    ...encodings(secret).flatMap((encoded) => rangesOf(encoded, text)),
    ...(decoded === undefined
      ? []
      : rangesOf(secret, decoded.text).map(
          ([from, to]) => [decoded.starts[from] ?? 0, decoded.ends[to - 1] ?? 0] as const,
        )),
  ])
  let safe = ''
  let end = 0
  for (const [from, to] of ranges.toSorted(([left], [right]) => left - right)) {
    if (to <= end) continue
    if (from > end || end === 0) safe += `${text.slice(end, from)}***`
    end = to
  }
  return safe + text.slice(end)
}

type Range = readonly [from: number, to: number]

/** The places of a secret in a text, or of its first 8 characters or more. */
function rangesOf(secret: string, text: string): readonly Range[] {
  const ranges: Range[] = []
  const first = secret.slice(0, minPrefix)
  if (first === '') return ranges
  for (let at = text.indexOf(first); at >= 0; ) {
    let length = first.length
    while (length < secret.length && secret[length] === text[at + length]) length++
    const isWhole = length === secret.length
    const part = isWhole ? length : text.slice(at, at + length).replace(/[\s,;]+$/, '').length // of a list
    ranges.push([at, at + part])
    at = text.indexOf(first, at + length)
  }
  return ranges
}

function encodings(secret: string): readonly string[] {
  const inUrl = encodeURIComponent(secret.toWellFormed())
  const lower = inUrl.replace(/%../g, (code) => code.toLowerCase())
  const inForm = inUrl.replaceAll('%20', '+')
  const inHtml = secret.replace(/[&<>"']/g, (character) => `&${entities[character]};`)
  const inXml = inHtml.replaceAll('&#39;', '&apos;').replaceAll('&quot;', '&#34;')
  const plain = [secret, inUrl, lower, inForm, JSON.stringify(secret).slice(1, -1), inHtml, inXml]
  return [...new Set([...plain, ...base64Of(secret)])]
}

/** The base64 of a secret at each of the three positions in a longer text, without characters that depend on the rest. */
function base64Of(secret: string): readonly string[] {
  if (secret.length < minPrefix) return []
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)])
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString('base64')
    const own = whole.slice(Math.ceil((before * 8) / 6))
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')]
  })
}

/** A text without percent escapes, and where each of its characters is in the escaped text; undefined if it has none. */
function percentDecoded(text: string) {
  if (!/%[0-9a-f]{2}/i.test(text)) return undefined
  let plain = ''
  const starts: number[] = []
  const ends: number[] = []
  for (const { 0: part, index } of text.matchAll(/(?:%[0-9a-f]{2})+|[\s\S]/gi)) {
    const isEscaped = part.length > 1
    const decoded = isEscaped ? Buffer.from(part.replaceAll('%', ''), 'hex').toString() : part
    const width = isEscaped && decoded.length * 3 === part.length ? 3 : part.length // not ASCII: the whole escape
    for (let i = 0; i < decoded.length; i++) {
      const at = index + (width === part.length ? 0 : i * width)
      starts.push(at)
      ends.push(at + width)
    }
    plain += decoded
  }
  return { text: plain, starts, ends }
}

const entities: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }

/** A URL that is safe to show: values in its query are masked, they may be keys. */
export function redactedUrl({ origin, pathname, searchParams }: URL): string {
  const names = [...searchParams.keys()].map((name) => `${name}=***`)
  return `${origin}${pathname}${names.length === 0 ? '' : `?${names.join('&')}`}`
}
