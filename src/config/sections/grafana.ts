import { kindsOf } from '../auth/credentials.ts'
import type { BlockContext } from '../auth/tls-and-proxy.ts'
import type { RemoteWriteShape } from '../schema/schema.ts'

/** Where Grafana Cloud tells what belongs into a block. */
const details = 'see grafana.com: the stack, Prometheus, Details'

/** What is most likely wrong with a block for Grafana Cloud: what its pages show of a stack is easily mixed up. */
export function warnGrafana(
  block: RemoteWriteShape,
  url: URL,
  { place, warnings }: Pick<BlockContext, 'place' | 'warnings'>,
): void {
  if (!url.hostname.endsWith('.grafana.net')) return
  const doubt = (key: string, words: string) => warnings.push(`${place}.${key}: ${words}; ${details}`)
  if (!/^(prometheus|mimir)/.test(url.hostname))
    doubt('url', `${url.hostname} is where Grafana's own pages are, most likely; a push goes to https://prometheus-…`)
  else if (url.pathname !== '/api/prom/push') doubt('url', `a push goes to /api/prom/push, not to ${url.pathname}`)
  const { basic_auth: basic, authorization, headers = {}, http_headers = {} } = block
  if (basic !== undefined) {
    const isNumber = basic.username_file !== undefined || /^\s*\d+\s*$/.test(basic.username ?? '')
    if (!isNumber) doubt('basic_auth.username', "is the number of the stack's Prometheus (user name or instance ID)")
    warnToken(basic.password, (words) => doubt('basic_auth.password', words))
  } else if (authorization?.credentials !== undefined) {
    const [, token] = /^\d+:(.*)$/s.exec(authorization.credentials) ?? []
    if (token === undefined) doubt('authorization.credentials', 'is NUMBER:TOKEN, or use basic_auth')
    warnToken(token, (words) => doubt('authorization.credentials', words))
  } else if (kindsOf(block, url).length === 0 && Object.keys({ ...headers, ...http_headers }).length === 0)
    doubt('basic_auth', "is needed: username is the number of the stack's Prometheus, password a token")
}

/** Tokens tell by their beginning what they are for. */
function warnToken(token: string | undefined, doubt: (words: string) => void): void {
  if (token?.startsWith('glsa_'))
    doubt("is a token for Grafana's own pages (glsa_); a push takes one of an access policy (glc_) with metrics:write")
}
