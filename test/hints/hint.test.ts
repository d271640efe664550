import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hintFor, hints } from '../../src/hints/hint.ts'
import type { Hint } from '../../src/hints/types.ts'
import { root } from '../support/servers.ts'

const at = (url: string) => ({ part: 'remote-write', url })
const somewhere = at('https://receiver.test/api/v1/write')

/** `contains` of the rule that matches the reason. */
function rowOf(reason: string, context: Parameters<typeof hintFor>[1] = somewhere): string | undefined {
  const hint = hintFor(reason, context)
  return hints.find((one) => one.hint === hint)?.contains
}

const login = 'https://login.microsoftonline.com/t/oauth2/v2.0/token'

/** Reasons in the words of receivers and of Node, and a part of the expected hint. */
const cases: readonly (readonly [reason: string, hint: RegExp, url?: string])[] = [
  ['no credentials: no answer within 30000 ms', /this source timed out, the receiver did not/],
  ['UND_ERR_INVALID_ARG: invalid authorization header', /the token must be one line/],
  ['HTTP 302 to /login: not the answer of a receiver', /redirects to a login page/],
  ['HTTP 302 to https://sso.test/x: not the answer of a receiver', /redirects to a login page/],
  ['HTTP 301 to https://receiver.test/api: not the answer of a receiver', /Set the url to the address in the message/],
  ['UND_ERR_SOCKET: bad response', /100 Continue/],
  ['HTTP 400: out of order sample', /another host sends under the same job and instance/],
  ['HTTP 400: duplicate sample for timestamp', /another host/],
  ['HTTP 400: too old sample', /out_of_order_time_window/],
  ['HTTP 400: out of bounds', /too old .* or in its future/],
  ['HTTP 404: remote write receiver needs to be enabled with --web.enable-remote-write-receiver', /Start Prometheus/],
  [
    'HTTP 400: send data to ingesters: failed pushing to ingester: user=1: the sample has been rejected because another sample with a more recent timestamp has already been ingested and out-of-order samples are not allowed (err-mimir-sample-out-of-order). The affected sample has timestamp 2026-01-01T00:00:00Z and is from series up',
    /another host sends/,
  ],
  ['HTTP 400: received a series with too many label names (err-mimir-max-label-names-per-series)', /label_limit/],
  [
    'HTTP 400: per-user series limit of 150000 exceeded (err-mimir-max-series-per-user)',
    /metrics: integration or minimal/,
  ],
  [
    'HTTP 429: the request has been rejected (err-mimir-tenant-max-ingestion-rate)',
    /the tenant sends too many samples/,
  ],
  [
    'HTTP 400: received a sample whose timestamp is too far in the future (err-mimir-too-far-in-future)',
    /ten minutes ahead/,
  ],
  ['HTTP 401: no org id', /X-Scope-OrgID/],
  [
    'HTTP 401: {"status":"error","error":"authentication error: invalid scope requested"}',
    /metrics:write/,
    'https://p.grafana.net/',
  ],
  [
    'HTTP 401: {"status":"error","error":"authentication error: invalid token"}',
    /of the same stack/,
    'https://p.grafana.net/',
  ],
  ['HTTP 404: 404 page not found', /\/api\/prom\/push/, 'https://prometheus-prod-13.grafana.net/api/prom'],
  ['HTTP 400: error parsing: cannot decompress snappy-encoded data with length 17', /protobuf_message/],
  ["HTTP 400: too big packed request; mustn't exceed `-maxInsertRequestSize=33554432` bytes", /max_samples_per_send/],
  ['HTTP 503: the storage is in read-only mode; check -storage.minFreeDiskSpaceBytes', /disk is full/],
  ['HTTP 409: store locally for endpoint 10.0.0.1:10901: conflict', /another host/],
  ['HTTP 503: hashring not ready', /healthy replicas/],
  ['HTTP 403: {"message":"The security token included in the request is invalid."}', /keys of sigv4/],
  ['HTTP 403: {"message":"Signature expired: 20260101T000000Z is now earlier than"}', /NTP/],
  ['HTTP 403: User: arn:aws:iam::1:user/x is not authorized to perform: aps:RemoteWrite on resource', /permission/],
  ['HTTP 403: {"message":"The request signature we calculated does not match"}', /secret_key/],
  ['HTTP 403: {"message":"Missing Authentication Token"}', /Add a sigv4 block/],
  [
    'HTTP 403',
    /workspace in the url/,
    'https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/x/api/v1/remote_write',
  ],
  ['HTTP 429: ThrottlingException', /quota of the workspace/],
  ['HTTP 400: ingestion rate limit (170000) exceeded', /samples per second/],
  ['HTTP 401', /user and password or the token/],
  ['HTTP 403', /not allowed to write/],
  ['HTTP 404: 404 page not found', /\/api\/v1\/push for Mimir/],
  ['HTTP 405: Method Not Allowed', /does not accept POST/],
  ['HTTP 407', /proxy_url/],
  ['HTTP 413', /sends it in parts/],
  ['HTTP 415', /for remote-write/],
  ['HTTP 429', /limits this tenant/],
  ['HTTP 500: we are sorry', /log of the receiver/],
  ['HTTP 502', /gateway/],
  ['HTTP 301 to https://elsewhere.test/: not the answer of a receiver', /has moved/],
  ['HTTP 200: a web page, not the answer of a receiver', /the response is a web page/],
  ['proxy proxy.test:3128 rejected CONNECT to receiver.test:443: HTTP 407', /USER:PASSWORD/],
  ['proxy proxy.test:3128 rejected CONNECT to receiver.test:443: HTTP 403', /rules of the proxy/],
  ['proxy proxy.test:3128: read ECONNRESET', /the proxy itself/],
  ['oauth2: https://id.test/token: HTTP 401: invalid_client', /oauth2\.client_id and client_secret/],
  ['oauth2: https://id.test/token: HTTP 400: invalid_grant: aud', /rejects the assertion/],
  ['azuread: http://169.254.169.254/metadata/identity/oauth2/token: no answer within 10000 ms', /machine in Azure/],
  [`azuread: ${login}: HTTP 401: invalid_client: AADSTS7000215: Invalid client secret`, /not its id/],
  [`azuread: ${login}: HTTP 401: invalid_client: AADSTS7000222: The provided client secret keys`, /has expired/],
  [`azuread: ${login}: HTTP 400: unauthorized_client: AADSTS700016: Application not found`, /no such application/],
  [`azuread: ${login}: HTTP 401: invalid_client: AADSTS700027: The certificate`, /does not know it/],
  [`azuread: ${login}: HTTP 500`, /Entra ID returns no token/],
  [
    'google_iam: http://metadata.google.internal/computeMetadata/v1/instance: getaddrinfo ENOTFOUND metadata.google.internal',
    /machine in Google Cloud/,
  ],
  ['google_iam: https://oauth2.googleapis.com/token: HTTP 400: invalid_grant: Bad Request', /may be revoked/],
  ['google_iam: no credentials: /x cannot be read: ENOENT', /Google returns no token/],
  ['sigv4: no credentials: Could not load credentials from any providers', /no credentials were found/],
  ['getaddrinfo ENOTFOUND nowhere.invalid', /Check the host name in the url/],
  ['connect ECONNREFUSED 127.0.0.1:9', /nothing listens/],
  ['UND_ERR_CONNECT_TIMEOUT: Connect Timeout Error', /firewall/],
]

for (const [reason, hint, url] of cases) {
  test(`${reason.slice(0, 60)}: ${hint.source}`, () => {
    assert.match(hintFor(reason, url === undefined ? somewhere : at(url)) ?? '', hint)
  })
}

test('a request above the burst size has another hint than a tenant above its rate', () => {
  const burst =
    'HTTP 429: the tenant exceeded the ingestion burst size limit, set to 2000 (err-mimir-tenant-max-ingestion-rate)'
  assert.match(hintFor(burst, somewhere) ?? '', /max_samples_per_send below this burst size/)
})

test('an unknown reason has no hint', () => {
  assert.equal(hintFor('HTTP 418: I am a teapot', somewhere), undefined)
})

/** https://grafana.com/docs/mimir/latest/manage/mimir-runbooks/ */
const mimirIds = `
  missing-metric-name metric-name-invalid max-label-names-per-series max-label-names-per-info-series label-invalid label-value-invalid
  label-name-too-long label-value-too-long duplicate-label-names labels-not-sorted too-far-in-future too-far-in-past
  exemplar-labels-missing exemplar-labels-too-long exemplar-labels-blank exemplar-timestamp-invalid
  exemplar-series-missing exemplar-too-far-in-future exemplar-too-far-in-past ingester-max-inflight-push-requests-bytes
  distributor-max-write-request-data-item-size
  native-histogram-schema max-series-per-user max-series-per-metric max-active-series max-metadata-per-user
  max-metadata-per-metric tenant-max-request-rate tenant-max-ingestion-rate tenant-too-many-ha-clusters
  distributor-max-ingestion-rate distributor-max-inflight-push-requests distributor-max-inflight-push-requests-bytes
  ingester-max-ingestion-rate ingester-max-tenants ingester-max-series ingester-max-inflight-push-requests
  distributor-max-write-message-size request-blocked metadata-missing-metric-name metric-name-too-long unit-too-long
  sample-timestamp-too-old sample-out-of-order sample-duplicate-timestamp
`
  .trim()
  .split(/\s+/)

test("each of Mimir's identifiers matches its rule, with any status", () => {
  for (const id of mimirIds) {
    const hint = hintFor(`HTTP 400: it was refused (err-mimir-${id}).`, somewhere)
    const row = hints.find((one) => `err-mimir-${id}`.startsWith(one.contains))
    assert.ok(hint !== undefined && hint === row?.hint, id)
  }
})

test('if the preset has a push path, the hint for a wrong path names it', () => {
  const context = { ...at('https://mimir.test/push'), pushPath: '/api/v1/push' }
  assert.match(hintFor('HTTP 404', context) ?? '', /^Set the path of the url to \/api\/v1\/push, .* it is \/push\.$/)
  assert.match(hintFor('HTTP 404', { ...context, url: 'https://mimir.test/api/v1/push' }) ?? '', /Mimir/)
})

test('a hint for a Pushgateway does not mention remote-write', () => {
  const context = { part: 'pushgateway', url: 'http://gateway.test/metrics/job/x' }
  assert.equal(rowOf('HTTP 404', context), 'HTTP 404')
  assert.match(hintFor('HTTP 404', context) ?? '', /--web\.route-prefix/)
  const conflict =
    'HTTP 400: pushed metrics are invalid or inconsistent with existing metrics: has help "x" but should have "y"'
  assert.match(hintFor(conflict, context) ?? '', /another job pushed the same metric/)
  assert.doesNotMatch(hintFor('HTTP 409', context) ?? '', /instance/)
})

test('docs/troubleshooting.md has the rows of all hints, in their order, and no others', () => {
  const row = ({ contains, hint }: Hint) => `| ${contains.replaceAll('|', '\\|')} | ${hint.replaceAll('|', '\\|')} |`
  const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8')
  const rows = hints.map(row)
  const start = page.indexOf(rows[0] ?? '')
  assert.deepEqual(page.slice(start, page.indexOf('\n\n', start)).split('\n'), rows)
})
