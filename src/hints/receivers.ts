import type { Hint } from './types.ts'

const grafana = /\.grafana\.net$/
const amazon = /\.amazonaws\.com(\.cn)?$/
const order =
  "Give each host a different instance: another host sends under the same job and instance, or this host's clock moved backwards. If the samples have timestamps, they are older than those sent before."

/** Error messages of receivers other than Mimir's identifiers. */
export const receivers: readonly Hint[] = [
  // Grafana Cloud
  {
    contains: 'authentication error: invalid scope',
    hint: 'Add the scope metrics:write for this stack to the access policy of the token.',
  },
  {
    contains: 'HTTP 401 from Grafana Cloud',
    pattern: /^HTTP 40[13]\b/,
    host: grafana,
    hint: "Set username to the number of the stack's Prometheus (not of the organisation) and password to an access-policy token with metrics:write. Check that url and number are of the same stack.",
  },
  {
    contains: 'HTTP 404 from Grafana Cloud',
    pattern: /^HTTP 40[45]\b/,
    host: grafana,
    hint: 'Set the path of the url to /api/prom/push: /api/prom is for queries.',
  },
  // Amazon
  {
    contains: 'Signature expired',
    pattern: /Signature (expired|not yet current)|RequestTimeTooSkewed/i,
    hint: "Check NTP: this host's clock differs from Amazon's.",
  },
  {
    contains: 'not authorized to perform: aps:RemoteWrite',
    hint: 'Give the role or user of sigv4 the permission aps:RemoteWrite on this workspace.',
  },
  {
    contains: 'The security token included in the request is',
    pattern: /security token included in the request is|UnrecognizedClient|InvalidClientTokenId/i,
    hint: 'Check sigv4.access_key, profile or role: Amazon does not know the keys of sigv4, or the session has expired.',
  },
  {
    contains: 'signature we calculated does not match',
    hint: 'Check sigv4.secret_key. If it is right, a proxy changes the request.',
  },
  { contains: 'Missing Authentication Token', hint: 'Add a sigv4 block: Amazon accepts only signed requests.' },
  { contains: 'Credential should be scoped to', hint: 'Set sigv4.region and sigv4.service to those of the url.' },
  {
    contains: 'HTTP 403 from Amazon',
    pattern: /^HTTP 403\b/,
    host: amazon,
    hint: 'Check the keys and the region of sigv4, the permission aps:RemoteWrite, and the workspace in the url.',
  },
  {
    contains: 'ThrottlingException',
    pattern: /ThrottlingException|Rate exceeded/i,
    hint: 'Set send_interval, or metrics: integration or minimal: the quota of the workspace is exceeded. hostpush retries more slowly.',
  },
  {
    contains: 'series limit of … exceeded',
    pattern: /per-(user|metric) series limit|series limit of \d+ exceeded|active series limit/i,
    hint: 'Set metrics: integration or minimal, or raise the quota: the receiver has reached its limit of series.',
  },
  {
    contains: 'ingestion rate limit … exceeded',
    pattern: /ingestion rate limit/i,
    hint: 'Set a longer scrape_interval or metrics: minimal, or raise the quota: the tenant sends too many samples per second.',
  },
  // Prometheus, and what is built on its database
  {
    contains: 'remote write receiver needs to be enabled',
    hint: 'Start Prometheus with --web.enable-remote-write-receiver.',
  },
  { contains: 'duplicate sample for timestamp', hint: order },
  { contains: 'out of order', hint: order },
  {
    contains: 'too old sample',
    hint: 'Set sample_age_limit, or raise out_of_order_time_window at the receiver: the samples are older than its window.',
  },
  {
    contains: 'out of bounds',
    hint: 'Check the clock of this host and sample_age_limit: the samples are too old for the receiver, or in its future.',
  },
  {
    contains: 'label name limit',
    pattern: /too many labels|label(_| )(limit|name|value)s?.*(exceed|limit|too long|too large)/i,
    hint: 'Set label_limit, label_name_length_limit or label_value_length_limit: hostpush then drops and counts series with too many or too long labels.',
  },
  // VictoriaMetrics
  { contains: 'maxInsertRequestSize', hint: 'Lower queue_config.max_samples_per_send: requests are too large.' },
  {
    contains: 'read-only mode',
    hint: 'Free disk space at the receiver: its disk is full. hostpush keeps the samples and retries.',
  },
  {
    contains: 'maxConcurrentInserts',
    hint: 'Raise -maxConcurrentInserts of the receiver if this lasts: it has too many senders. hostpush retries.',
  },
  {
    contains: 'cannot decompress',
    pattern: /cannot (decompress|unpack|decode|unmarshal)|snappy: corrupt/i,
    hint: 'Check that the url is for remote-write, or set protobuf_message: prometheus.WriteRequest: the receiver cannot decode the request.',
  },
  {
    contains: 'missing `Authorization` request header',
    hint: 'Set basic_auth or authorization: the receiver requires credentials.',
  },
  // Thanos
  {
    contains: 'no matching hashring',
    hint: 'Check the header THANOS-TENANT: no hashring of Thanos accepts this tenant.',
  },
  {
    contains: 'replicate … quorum',
    pattern: /quorum|replication (is )?not ready|hashring.*not ready/i,
    hint: 'Check the receivers of Thanos: it has too few healthy replicas. hostpush retries.',
  },
  { contains: 'HTTP 409', pattern: /^HTTP 409\b/, part: 'remote-write', hint: order },
  // Tenants
  { contains: 'no org id', hint: 'Set headers: { "X-Scope-OrgID": "TENANT" }: the receiver requires a tenant.' },
  // Pushgateway
  {
    contains: 'inconsistent with existing metrics',
    pattern: /inconsistent with existing metrics|is not consistent|has (label dimensions|help) /,
    part: 'pushgateway',
    hint: 'Rename the metric in one of the two jobs: another job pushed the same metric with another type or help.',
  },
]
