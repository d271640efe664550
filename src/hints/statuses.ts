import type { Hint } from './types.ts'

const status = (code: string, hint: string, part?: string): Hint => ({
  contains: `HTTP ${code}`,
  pattern: new RegExp(`^HTTP ${code.replaceAll('x', '\\d')}\\b`),
  hint,
  ...(part !== undefined && { part }),
})

/** Hints by HTTP status, for answers that no other table knows. */
export const statuses: readonly Hint[] = [
  {
    contains: 'a web page',
    hint: 'Check the url: the response is a web page. The path is wrong, or the network requires a login. Open the url from this host to see the page.',
  },
  {
    contains: 'HTTP 30x to a log-in',
    pattern: /^HTTP 30\d to \S*(log-?in|sign-?in|auth|sso|saml)/i,
    hint: 'Check the url: it redirects to a login page, so it is not a receiver, or a proxy requires a login.',
  },
  status('30x', 'Set the url to the address in the message: the receiver has moved.'),
  status('401', 'Check user and password or the token, and their files: credentials are missing or wrong.'),
  status(
    '403',
    'Check the permissions of the token or user, and the tenant: the credentials are not allowed to write.',
  ),
  status(
    '404',
    'Check the path of the url: it is /api/v1/write for Prometheus and VictoriaMetrics, /api/v1/push for Mimir, /api/prom/push for Grafana Cloud, /api/v1/receive for Thanos, /workspaces/ID/api/v1/remote_write for Amazon.',
    'remote-write',
  ),
  status(
    '404',
    'Check the url: there is no Pushgateway. It must end before /metrics, and include the --web.route-prefix of the Pushgateway.',
  ),
  status('405', 'Check the path of the url: it does not accept POST, so it is not a receiver.'),
  status('407', 'Set proxy_url: http://USER:PASSWORD@HOST:PORT: the proxy requires credentials.'),
  status(
    '408',
    'Lower queue_config.max_samples_per_send: the network is slow, and the receiver timed out waiting for the request.',
  ),
  status('411', 'Check for a proxy between this host and the receiver: it does not support this request.'),
  status(
    '413',
    'Lower queue_config.max_samples_per_send, or raise the limit of the receiver or its proxy: the request was too large. hostpush sends it in parts.',
  ),
  status('415', 'Check that the url is for remote-write: the receiver does not support this content type.'),
  status(
    '429',
    'Set send_interval, or metrics: integration or minimal, or raise the limit: the receiver limits this tenant. hostpush retries later.',
  ),
  status('501', 'Check that the url is for remote-write: the receiver does not support this request.'),
  status('502', 'Check the receiver: the gateway in front of it gets no valid answer. hostpush retries.'),
  status('503', 'Check the receiver: it is not ready or overloaded. hostpush retries.'),
  status('504', 'Check the receiver: the gateway in front of it timed out. hostpush retries.'),
  status('529', 'Check the receiver: it is overloaded or limits this tenant. hostpush retries.'),
  status('5xx', 'Check the log of the receiver: it failed with an internal error. hostpush retries.'),
]
