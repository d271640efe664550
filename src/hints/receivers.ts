import type { Hint } from './types.ts'

const grafana = /\.grafana\.net$/
const amazon = /\.amazonaws\.com(\.cn)?$/
const order =
  "another host sends under the same job and instance, or this host's clock went back: give each host an instance of its own"

/** What receivers say beside Mimir's identifiers; each kind's own words first. */
export const receivers: readonly Hint[] = [
  // Grafana Cloud
  {
    contains: 'authentication error: invalid scope',
    hint: 'the token may not write metrics: its access policy needs the scope metrics:write, for this stack',
  },
  {
    contains: 'HTTP 401 from Grafana Cloud',
    pattern: /^HTTP 40[13]\b/,
    host: grafana,
    hint: "username is the number of the stack's Prometheus (not of the organisation), password an access-policy token with metrics:write; host and number must be of one stack",
  },
  {
    contains: 'HTTP 404 from Grafana Cloud',
    pattern: /^HTTP 40[45]\b/,
    host: grafana,
    hint: 'its push path is /api/prom/push; /api/prom is for reading',
  },
  // Amazon
  {
    contains: 'Signature expired',
    pattern: /Signature (expired|not yet current)|RequestTimeTooSkewed/i,
    hint: "this host's clock differs from Amazon's: check NTP",
  },
  {
    contains: 'not authorized to perform: aps:RemoteWrite',
    hint: 'the role or user of sigv4 needs the permission aps:RemoteWrite on this workspace',
  },
  {
    contains: 'The security token included in the request is',
    pattern: /security token included in the request is|UnrecognizedClient|InvalidClientTokenId/i,
    hint: 'the keys of sigv4 are not known to Amazon, or a session has ended: check access_key, profile or role',
  },
  {
    contains: 'signature we calculated does not match',
    hint: 'secret_key of sigv4 is wrong, or a proxy changes the request on its way',
  },
  { contains: 'Missing Authentication Token', hint: 'Amazon takes signed requests alone: a sigv4 block is needed' },
  { contains: 'Credential should be scoped to', hint: 'sigv4.region or sigv4.service is not that of the url' },
  {
    contains: 'HTTP 403 from Amazon',
    pattern: /^HTTP 403\b/,
    host: amazon,
    hint: 'check keys and region of sigv4, the permission aps:RemoteWrite, and the workspace in the url',
  },
  {
    contains: 'ThrottlingException',
    pattern: /ThrottlingException|Rate exceeded/i,
    hint: 'above the quota of the workspace: tried again more slowly; send_interval, metrics: integration or minimal',
  },
  {
    contains: 'series limit of … exceeded',
    pattern: /per-(user|metric) series limit|series limit of \d+ exceeded|active series limit/i,
    hint: 'the receiver has as many series as it may: metrics: integration or minimal, or a higher quota',
  },
  {
    contains: 'ingestion rate limit … exceeded',
    pattern: /ingestion (rate|burst size) limit/i,
    hint: 'more samples a second than the tenant may send: a longer scrape_interval, metrics: minimal, or a higher quota',
  },
  // Prometheus, and what is built on its database
  {
    contains: 'remote write receiver needs to be enabled',
    hint: 'start that Prometheus with --web.enable-remote-write-receiver',
  },
  { contains: 'duplicate sample for timestamp', hint: order },
  { contains: 'out of order', hint: order },
  {
    contains: 'too old sample',
    hint: 'older than the window of the receiver: its out_of_order_time_window, or sample_age_limit here',
  },
  {
    contains: 'out of bounds',
    hint: "too old for the receiver, or ahead of its time: check this host's clock, and sample_age_limit",
  },
  {
    contains: 'label name limit',
    pattern: /too many labels|label(_| )(limit|name|value)s?.*(exceed|limit|too long|too large)/i,
    hint: 'labels of a series are too many or too long: label_limit and its kin leave such series out and tell them',
  },
  // VictoriaMetrics
  { contains: 'maxInsertRequestSize', hint: 'requests are too large: lower queue_config.max_samples_per_send' },
  { contains: 'read-only mode', hint: "the receiver's disk is full: kept here until its operator makes room" },
  { contains: 'maxConcurrentInserts', hint: 'the receiver has more senders than it can serve: tried again' },
  {
    contains: 'cannot decompress',
    pattern: /cannot (decompress|unpack|decode|unmarshal)|snappy: corrupt/i,
    hint: 'the receiver cannot read this protocol: is the url that of remote-write? set protobuf_message: prometheus.WriteRequest',
  },
  { contains: 'missing `Authorization` request header', hint: 'the receiver wants basic_auth or authorization' },
  // Thanos
  { contains: 'no matching hashring', hint: 'this tenant has no place in Thanos: check the header THANOS-TENANT' },
  {
    contains: 'replicate … quorum',
    pattern: /quorum|replication (is )?not ready|hashring.*not ready/i,
    hint: 'Thanos has too few healthy replicas: tried again',
  },
  { contains: 'HTTP 409', pattern: /^HTTP 409\b/, part: 'remote-write', hint: order },
  // Tenants
  { contains: 'no org id', hint: 'the receiver has tenants: headers: { "X-Scope-OrgID": "TENANT" }' },
  // Pushgateway
  {
    contains: 'inconsistent with existing metrics',
    pattern: /inconsistent with existing metrics|is not consistent|has (label dimensions|help) /,
    part: 'pushgateway',
    hint: 'another job pushed the same metric with another type or help: one of the two has to change its name',
  },
]
