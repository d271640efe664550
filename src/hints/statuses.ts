import type { Hint } from './types.ts'

const status = (code: string, hint: string, part?: string): Hint => ({
  contains: `HTTP ${code}`,
  pattern: new RegExp(`^HTTP ${code.replaceAll('x', '\\d')}\\b`),
  hint,
  ...(part !== undefined && { part }),
})

/** What a status alone says. */
export const statuses: readonly Hint[] = [
  {
    contains: 'a web page',
    hint: 'a log-in page of the network or a wrong url: open the url in a browser on this host',
  },
  {
    contains: 'HTTP 30x to a log-in',
    pattern: /^HTTP 30\d to \S*(log-?in|sign-?in|auth|sso|saml)/i,
    hint: 'this sends people to a log-in: the url is that of pages, not of a receiver, or a proxy wants a log-in first',
  },
  status('30x', 'the receiver has moved: put the address that it names into the url'),
  status(
    '401',
    'no credentials, or ones that the receiver does not know: check user and password or the token, and their files',
  ),
  status('403', 'known, and not allowed to write: check what the token or user may do, and the tenant'),
  status(
    '404',
    'no receiver at this path: Prometheus and VictoriaMetrics take /api/v1/write, Mimir /api/v1/push, Grafana Cloud /api/prom/push, Thanos /api/v1/receive, Amazon /workspaces/ID/api/v1/remote_write',
    'remote-write',
  ),
  status('404', 'no Pushgateway at this url: it ends before /metrics, and after its --web.route-prefix if it has one'),
  status('405', 'this path takes no POST: it is not that of a receiver; check the path of the url'),
  status('407', 'the proxy wants to know who we are: proxy_url: http://USER:PASSWORD@HOST:PORT'),
  status(
    '408',
    'the receiver waited too long for the request: the line is slow; lower queue_config.max_samples_per_send',
  ),
  status('411', 'something on the way wants no such request: is there a proxy that we know nothing of?'),
  status('413', 'the request was too large and is sent in parts; a proxy before the receiver may have a small limit'),
  status('415', 'the receiver knows no such content: is the url that of remote-write?'),
  status(
    '429',
    'the receiver limits this tenant: tried again later; send_interval, metrics: integration or minimal, or a higher limit',
  ),
  status('501', 'the receiver cannot do this: is the url that of remote-write?'),
  status('502', 'a gateway stands there and the receiver behind it does not answer: tried again'),
  status('503', 'the receiver is not ready or overloaded: tried again'),
  status('504', 'a gateway waited in vain for the receiver behind it: tried again'),
  status('529', 'the receiver is overloaded or limits this tenant: tried again'),
  status('5xx', 'a fault of the receiver: tried again; its own log tells more'),
]
