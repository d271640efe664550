import type { Hint } from './types.ts'

/** Faults of name, line, TLS, proxy and credentials, as Node, OpenSSL and our own parts word them. */
export const network: readonly Hint[] = [
  {
    contains: 'lets nothing through to',
    pattern: /lets nothing through to .*HTTP 407/,
    hint: 'the proxy wants to know who we are: proxy_url: http://USER:PASSWORD@HOST:PORT',
  },
  {
    contains: 'lets nothing through to',
    hint: "the proxy's rules do not let us there: ask its operator, or name the host in no_proxy",
  },
  { contains: 'proxy ', pattern: /^proxy \S+: /, hint: 'the proxy itself cannot be reached or used: check proxy_url' },
  {
    contains: 'oauth2: … invalid_client',
    pattern: /oauth2: .*(invalid_client|HTTP 401)/,
    hint: 'oauth2.client_id or client_secret is wrong',
  },
  {
    contains: 'oauth2: … invalid_scope',
    pattern: /oauth2: .*invalid_scope/,
    hint: 'the token endpoint does not know oauth2.scopes',
  },
  {
    contains: 'oauth2: … invalid_grant',
    pattern: /oauth2: .*invalid_grant/,
    hint: 'the assertion is not taken: oauth2.iss, audience, claims, client_certificate_key, or the clock of this host',
  },
  { contains: 'oauth2: ', hint: 'no token is to be had from oauth2.token_url' },
  {
    contains: 'azuread: http://169.254.169.254',
    hint: 'managed_identity is for machines in Azure: has this one an identity, and the role Monitoring Metrics Publisher? Elsewhere it is oauth',
  },
  {
    contains: 'azuread: … AADSTS7000215',
    pattern: /azuread: .*AADSTS7000(215|222)/,
    hint: 'azuread.oauth.client_secret is wrong or has run out: the value of the secret is wanted, not its id',
  },
  {
    contains: 'azuread: … AADSTS700016',
    pattern: /azuread: .*AADSTS(700016|90002)/,
    hint: 'this tenant has no such application: azuread client_id, tenant_id, cloud',
  },
  {
    contains: 'azuread: … AADSTS700027',
    pattern: /azuread: .*AADSTS(70021|700024|700027)\b/,
    hint: 'the application does not know this certificate or federated identity, or the clock of this host is wrong',
  },
  {
    contains: 'azuread: ',
    hint: 'no token is to be had from Entra ID: azuread client_id, tenant_id, cloud, scope and what proves it',
  },
  {
    contains: 'google_iam: http://metadata',
    pattern: /google_iam: http:\/\/\S+\/computeMetadata\//,
    hint: 'without a file this must be a machine in Google Cloud, with a service account: elsewhere google_iam.credentials_file',
  },
  {
    contains: 'google_iam: … invalid_grant',
    pattern: /google_iam: .*(invalid_grant|invalid_client)/,
    hint: 'the credentials in the file were revoked, or the clock of this host is wrong: a new google_iam.credentials_file',
  },
  { contains: 'google_iam: ', hint: 'no token is to be had from Google: google_iam.credentials_file' },
  {
    contains: 'sigv4: no credentials',
    hint: 'neither keys nor a profile nor a role of this machine: sigv4.access_key, profile, or an instance profile',
  },
  {
    contains: 'no credentials: no answer within',
    hint: 'what gives them out is silent, not the receiver: oauth2.token_url, AWS for sigv4, Microsoft, Google, or their proxy',
  },
  {
    contains: 'invalid authorization header',
    hint: 'the token is no single line of Latin letters and signs: check where it comes from',
  },
  { contains: 'ENOTFOUND', hint: 'this name is not known: check the spelling of the url, and /etc/resolv.conf' },
  { contains: 'EAI_AGAIN', hint: 'no name server answers: is this host online? check /etc/resolv.conf' },
  {
    contains: 'ECONNREFUSED',
    hint: 'nothing listens there: check host and port of the url, and that the receiver runs',
  },
  { contains: 'EHOSTUNREACH', hint: 'there is no way to this address: check network, route and firewall' },
  { contains: 'ENETUNREACH', hint: 'there is no way to this network: check network and route' },
  {
    contains: 'Connect Timeout',
    pattern: /Connect Timeout|ETIMEDOUT/i,
    hint: 'nothing answers at this address: a firewall drops what we send, or the address is wrong',
  },
  {
    contains: 'no answer within',
    hint: 'connected, and then silence: the receiver is overloaded, or this is no receiver; remote_timeout is how long we wait',
  },
  {
    contains: 'other side closed',
    pattern: /other side closed|ECONNRESET|EPIPE|socket hang up/i,
    hint: 'the receiver or something on the way to it cut the line: is the url https:// where http:// is spoken, or the reverse?',
  },
  {
    contains: 'self-signed certificate in certificate chain',
    hint: 'its authority is not known here: name the file with it in tls_config.ca_file',
  },
  {
    contains: 'self-signed certificate',
    hint: 'it vouches for itself: name its certificate in tls_config.ca_file',
  },
  {
    contains: 'unable to get local issuer certificate',
    pattern: /unable to (get (local )?issuer certificate|verify the first certificate)/,
    hint: 'its authority is not known here, or the server leaves out its intermediate certificate: tls_config.ca_file',
  },
  { contains: 'certificate has expired', hint: "the receiver's operator has to renew it; is this host's clock right?" },
  { contains: 'certificate is not yet valid', hint: "this host's clock is behind, most likely: check NTP" },
  {
    contains: "does not match certificate's altnames",
    hint: 'the certificate is for another name: use that one in the url, or say it in tls_config.server_name',
  },
  {
    contains: 'wrong version number',
    pattern:
      /wrong version number|WRONG_VERSION_NUMBER|packet length too long|PACKET_LENGTH_TOO_LONG|record layer failure/i,
    hint: 'no TLS is spoken there: the url should begin with http://, or has the wrong port',
  },
  {
    contains: 'plain HTTP request was sent to HTTPS port',
    pattern: /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|speaking plain HTTP to an SSL/i,
    hint: 'TLS is spoken there: the url should begin with https://',
  },
  {
    contains: 'Expected HTTP/',
    pattern: /Expected HTTP\/|Invalid (response )?(status|header)|HPE_|Response does not match the HTTP/i,
    hint: 'what answers there speaks no HTTP: TLS, which wants https://, or another program: check the port',
  },
  {
    contains: 'bad response',
    pattern: /^UND_ERR_SOCKET: bad response/,
    hint: 'what answers there says "100 Continue" unasked, or wants to speak another protocol: is it a receiver?',
  },
  {
    contains: 'alert protocol version',
    pattern: /alert protocol version|unsupported protocol|no protocols available|version too low/i,
    hint: 'no version of TLS that both sides take: tls_config.min_version, max_version',
  },
  {
    contains: 'alert certificate required',
    pattern: /alert certificate required|alert handshake failure|No required SSL certificate/i,
    hint: 'the receiver wants a client certificate: tls_config.cert_file and key_file',
  },
  {
    contains: 'alert unknown ca',
    pattern: /alert (unknown ca|bad certificate|certificate (expired|revoked|unknown))/i,
    hint: 'the receiver does not take our client certificate: is it the right one, and still valid?',
  },
]
