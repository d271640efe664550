import type { Secret } from '../log.ts'
import { type Access, connect } from './connection.ts'
import { type Credentials, concealed, partsOf, type Unsigned } from './credentials.ts'
import { deadlineAt } from './deadline.ts'
import { Exchange } from './exchange.ts'
import { wordsOf } from './fault.ts'
import type { Reply } from './outcome.ts'
import type { Headers } from './request.ts'

/** The grant of client credentials: https://www.rfc-editor.org/rfc/rfc6749#section-4.4 */
export interface OAuth2Options {
  readonly tokenUrl: URL
  readonly clientId: string
  /** Asked for each token, as it may stand in a file. */
  readonly clientSecret: () => Secret
  readonly scopes: readonly string[]
  readonly endpointParams: Readonly<Record<string, string>>
  readonly access: Access
}

/** A token with many claims has a few thousand characters. */
const replyBytes = 65_536

/** A token endpoint that is slower is told apart from a slow receiver. */
const longestMs = 10_000

/** A token is renewed this long before its end. */
const marginMs = 10_000

interface Token {
  readonly header: string
  /** On the monotonic clock. */
  readonly untilMs: number
}

/** How the client shows its secret. The standard wants the first to be known everywhere; some know only the second. */
type Style = 'header' | 'form'

/** Fetches a token when there is none, and shows it until it ends or is refused. */
export function oauth2(options: OAuth2Options): Credentials {
  let token: Token | undefined
  let style: Style | undefined
  const fetched = async (request: Unsigned): Promise<Headers> => {
    let used: Style = style ?? 'header'
    let reply = await ask(options, used, request)
    if (style === undefined && isRefusal(reply)) reply = await ask(options, (used = 'form'), request)
    token = tokenOf(options, reply, request.clock.monotonicMs())
    style = used
    return shown()
  }
  const shown = (): Headers => (token === undefined ? {} : { authorization: token.header })
  return {
    headersFor: (request) =>
      token !== undefined && request.clock.monotonicMs() < token.untilMs ? shown() : fetched(request),
    forget() {
      token = undefined
    },
  }
}

const isRefusal = ({ status }: Reply) => status >= 400 && status < 500

async function ask(options: OAuth2Options, style: Style, { clock, signal }: Unsigned): Promise<Reply> {
  const { tokenUrl, clientId, scopes, endpointParams, access } = options
  const secret = options.clientSecret().reveal()
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...endpointParams,
    ...(style === 'form' && { client_id: clientId, client_secret: secret }),
  })
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
    ...(style === 'header' && { authorization: basic(clientId, secret) }),
  }
  const path = tokenUrl.pathname + tokenUrl.search
  const request = { origin: tokenUrl.origin, path, method: 'POST', headers, body: form.toString() } as const
  const sender = await connect(tokenUrl.origin, access, clock)
  const deadline = deadlineAt(clock, longestMs, signal)
  try {
    return await new Exchange(replyBytes).over(sender, request, deadline.signal)
  } catch (error) {
    throw new Error(`${placeOf(options)}: ${wordsOf(error)}`)
  } finally {
    deadline.over()
    void sender.destroy()
  }
}

/** Both are written as in a form first: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1 */
function basic(clientId: string, secret: string): string {
  const asForm = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${Buffer.from(`${asForm(clientId)}:${asForm(secret)}`).toString('base64')}`
}

/** https://www.rfc-editor.org/rfc/rfc6749#section-5 */
function tokenOf(options: OAuth2Options, { status, body }: Reply, nowMs: number): Token {
  const said = parsed(body)
  const { access_token: token, token_type: type, expires_in: seconds } = said
  if (status < 200 || status > 299 || typeof token !== 'string' || token === '')
    throw new Error(refusal(options, status, said))
  const scheme = typeof type === 'string' && type.toLowerCase() !== 'bearer' ? type : 'Bearer'
  const untilMs = Number(seconds) > 0 ? nowMs + Number(seconds) * 1000 - marginMs : Number.POSITIVE_INFINITY
  return { header: `${scheme} ${token}`, untilMs }
}

/** Only the words that the standard has for it: the rest may hold what was sent. */
function refusal(options: OAuth2Options, status: number, said: Readonly<Record<string, unknown>>): string {
  const words = [said['error'], said['error_description']].filter((word) => typeof word === 'string').join(': ')
  const reason = status < 300 ? 'an answer without access_token' : `HTTP ${status}`
  const safe = concealed(words, shownTo(options))
  return `${placeOf(options)}: ${reason}${safe === '' ? '' : `: ${safe.slice(0, 256)}`}`
}

/** What the endpoint was shown, and may say again. */
function shownTo({ clientId, clientSecret, endpointParams, tokenUrl }: OAuth2Options): readonly string[] {
  const secret = clientSecret().reveal()
  const params = [...Object.values(endpointParams), ...tokenUrl.searchParams.values()]
  return [secret, ...partsOf(basic(clientId, secret)), ...params].filter((one) => one.length > 3)
}

const placeOf = ({ tokenUrl }: OAuth2Options) => `oauth2: ${tokenUrl.origin}${tokenUrl.pathname}`

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    const said: unknown = JSON.parse(body)
    return typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {}
  } catch {
    return {} // not JSON: said as an answer without access_token
  }
}
