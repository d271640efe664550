import type { Hint } from './types.ts'

/** Errors of DNS, TCP, TLS, proxies and credentials, in the words of Node, OpenSSL and hostpush. */
export const network: readonly Hint[] = [
  {
    contains: 'rejected CONNECT to',
    pattern: /rejected CONNECT to .*HTTP 407/,
    hint: 'Set proxy_url: http://USER:PASSWORD@HOST:PORT: the proxy requires credentials.',
  },
  {
    contains: 'rejected CONNECT to',
    hint: 'Ask the operator of the proxy to allow this host, or add the host to no_proxy: the rules of the proxy forbid it.',
  },
  {
    contains: 'proxy ',
    pattern: /^proxy \S+: /,
    hint: 'Check proxy_url: the proxy itself is not reachable, or is not a proxy.',
  },
  {
    contains: 'oauth2: … invalid_client',
    pattern: /oauth2: .*(invalid_client|HTTP 401)/,
    hint: 'Check oauth2.client_id and client_secret: one of them is wrong.',
  },
  {
    contains: 'oauth2: … invalid_scope',
    pattern: /oauth2: .*invalid_scope/,
    hint: 'Check oauth2.scopes: the token endpoint does not know them.',
  },
  {
    contains: 'oauth2: … invalid_grant',
    pattern: /oauth2: .*invalid_grant/,
    hint: 'Check oauth2.iss, audience, claims and client_certificate_key, and the clock of this host: the token endpoint rejects the assertion.',
  },
  { contains: 'oauth2: ', hint: 'Check oauth2.token_url: it returns no token.' },
  {
    contains: 'azuread: http://169.254.169.254',
    hint: 'Check that this is a machine in Azure with a managed identity and the role Monitoring Metrics Publisher. Elsewhere, use azuread.oauth.',
  },
  {
    contains: 'azuread: … AADSTS7000215',
    pattern: /azuread: .*AADSTS7000(215|222)/,
    hint: 'Set azuread.oauth.client_secret to the value of the secret, not its id. If it is the value, it has expired.',
  },
  {
    contains: 'azuread: … AADSTS700016',
    pattern: /azuread: .*AADSTS(700016|90002)/,
    hint: 'Check azuread client_id, tenant_id and cloud: the tenant has no such application.',
  },
  {
    contains: 'azuread: … AADSTS700027',
    pattern: /azuread: .*AADSTS(70021|700024|700027)\b/,
    hint: 'Check the clock of this host, and add the certificate or federated identity to the application: the application does not know it.',
  },
  {
    contains: 'azuread: ',
    hint: 'Check azuread client_id, tenant_id, cloud, scope and the secret or certificate: Entra ID returns no token.',
  },
  {
    contains: 'google_iam: http://metadata',
    pattern: /google_iam: http:\/\/\S+\/computeMetadata\//,
    hint: 'Set google_iam.credentials_file, unless this is a machine in Google Cloud with a service account.',
  },
  {
    contains: 'google_iam: … invalid_grant',
    pattern: /google_iam: .*(invalid_grant|invalid_client)/,
    hint: 'Check the clock of this host, or create a new google_iam.credentials_file: Google rejects the credentials, they may be revoked.',
  },
  { contains: 'google_iam: ', hint: 'Check google_iam.credentials_file: Google returns no token.' },
  {
    contains: 'sigv4: no credentials',
    hint: 'Set sigv4.access_key or profile, or give this machine an instance profile: no credentials were found.',
  },
  {
    contains: 'no credentials: no answer within',
    hint: 'Check the source of the credentials (oauth2.token_url, AWS, Microsoft, Google) and its proxy: this source timed out, the receiver did not.',
  },
  {
    contains: 'invalid authorization header',
    hint: 'Check the file or variable of the token: the token must be one line of Latin-1 characters.',
  },
  { contains: 'ENOTFOUND', hint: 'Check the host name in the url, then /etc/resolv.conf: the name is unknown.' },
  { contains: 'EAI_AGAIN', hint: 'Check the network of this host and /etc/resolv.conf: no name server answers.' },
  {
    contains: 'ECONNREFUSED',
    hint: 'Check the host and port of the url, and start the receiver if it does not run: nothing listens there.',
  },
  { contains: 'EHOSTUNREACH', hint: 'Check network, routes and firewall: there is no route to this address.' },
  { contains: 'ENETUNREACH', hint: 'Check network and routes: there is no route to this network.' },
  {
    contains: 'Connect Timeout',
    pattern: /Connect Timeout|ETIMEDOUT/i,
    hint: 'Check the firewall and the address: nothing answers there, a firewall may drop the packets.',
  },
  {
    contains: 'no answer within',
    hint: 'Check that the url is that of a receiver and that it is not overloaded, or raise remote_timeout: it accepts connections but does not answer in time.',
  },
  {
    contains: 'other side closed',
    pattern: /other side closed|ECONNRESET|EPIPE|socket hang up/i,
    hint: 'Check the scheme of the url (http or https) and the proxies: the receiver or a proxy closed the connection.',
  },
  {
    contains: 'self-signed certificate in certificate chain',
    hint: 'Set tls_config.ca_file to the CA certificate: this host does not trust the CA of the receiver.',
  },
  {
    contains: 'self-signed certificate',
    hint: 'Set tls_config.ca_file to the certificate of the receiver: it is self-signed.',
  },
  {
    contains: 'unable to get local issuer certificate',
    pattern: /unable to (get (local )?issuer certificate|verify the first certificate)/,
    hint: 'Set tls_config.ca_file, or configure the intermediate certificate at the server: this host does not trust the CA of the receiver.',
  },
  {
    contains: 'certificate has expired',
    hint: "Ask the operator of the receiver to renew the certificate, and check this host's clock.",
  },
  { contains: 'certificate is not yet valid', hint: "Check NTP: this host's clock is probably behind." },
  {
    contains: "does not match certificate's altnames",
    hint: 'Use the host name of the certificate in the url, or set tls_config.server_name to it: the certificate is for another name.',
  },
  {
    contains: 'wrong version number',
    pattern:
      /wrong version number|WRONG_VERSION_NUMBER|packet length too long|PACKET_LENGTH_TOO_LONG|record layer failure/i,
    hint: 'Use http:// in the url, or check the port: the server does not speak TLS.',
  },
  {
    contains: 'plain HTTP request was sent to HTTPS port',
    pattern: /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|speaking plain HTTP to an SSL/i,
    hint: 'Use https:// in the url: the server requires TLS.',
  },
  {
    contains: 'Expected HTTP/',
    pattern: /Expected HTTP\/|Invalid (response )?(status|header)|HPE_|Response does not match the HTTP/i,
    hint: 'Check the port, or use https://: the server does not speak HTTP.',
  },
  {
    contains: 'bad response',
    pattern: /^UND_ERR_SOCKET: bad response/,
    hint: 'Check that the url is that of a receiver: the server sends "100 Continue" without a request for it, or switches to another protocol.',
  },
  {
    contains: 'alert protocol version',
    pattern: /alert protocol version|unsupported protocol|no protocols available|version too low/i,
    hint: 'Check tls_config.min_version and max_version: both sides have no TLS version in common.',
  },
  {
    contains: 'alert certificate required',
    pattern: /alert certificate required|alert handshake failure|No required SSL certificate/i,
    hint: 'Set tls_config.cert_file and key_file: the receiver requires a client certificate.',
  },
  {
    contains: 'alert unknown ca',
    pattern: /alert (unknown ca|bad certificate|certificate (expired|revoked|unknown))/i,
    hint: 'Check tls_config.cert_file: the receiver rejects the client certificate, it may be wrong or expired.',
  },
]
