import { defineMessages } from '../util/log.ts'

export const messages = defineMessages('web', {
  listening: {
    level: 'info',
    text: 'Listening for HTTP requests',
    meaning: 'The metrics page and the status page are served at `address`.',
    data: 'none',
    action: 'None.',
  },
  listenFailed: {
    level: 'warn',
    text: 'Listening failed, /metrics and the status page are not served',
    meaning: 'The default address is not available. hostpush collects and pushes as usual.',
    data: 'none',
    action: 'Set `web.listen_address` to a free address, or to `[]` to serve nothing.',
  },
  connectionFailed: {
    level: 'warn',
    text: 'Accepting a connection failed',
    meaning:
      'One client could not connect. `err` is the error of the operating system, for example too many open files.',
    data: 'none',
    action: 'Raise the limit that `err` names if the message repeats.',
  },
  configurationFailed: {
    level: 'error',
    text: 'Web configuration file is invalid, all requests are rejected',
    meaning: 'Scrapers get HTTP 500 and no samples. Pushed samples are not affected.',
    data: 'lost',
    action: 'Correct the file of `--web.config.file`. hostpush reads it again at the next request.',
  },
  configurationRecovered: {
    level: 'info',
    text: 'Web configuration file recovered, requests are accepted again',
    meaning: 'The file of `--web.config.file` is valid again.',
    data: 'none',
    action: 'None.',
  },
  requestFailed: {
    level: 'warn',
    text: 'Request failed with an internal error',
    meaning: 'A bug in hostpush: the client got HTTP 500.',
    data: 'none',
    action: 'Report the error with `hostpush support`.',
  },
  filterRejected: {
    level: 'warn',
    text: 'Rejected a request for metrics',
    meaning:
      'The parameters `collect[]` or `exclude[]` of a scrape are invalid. The scraper got HTTP 400. One line a minute for each client at most; `suppressed` counts the others.',
    data: 'none',
    action: 'Correct the parameters in the configuration of the scraper; `reason` names the collector.',
  },
  pageFailed: {
    level: 'error',
    text: 'Writing the metrics page failed',
    meaning: 'A bug in hostpush: the scraper got HTTP 500 and no samples. Pushed samples are not affected.',
    data: 'lost',
    action: 'Report the error with `hostpush support`.',
  },
  selfMetricsFailed: {
    level: 'warn',
    text: "Self metrics failed, the metrics page has only the host's metrics",
    meaning: 'A bug in hostpush: `hostpush_*`, `process_*` and `nodejs_*` are missing from the page.',
    data: 'kept',
    action: 'Report the error with `hostpush support`.',
  },
  compressionFailed: {
    level: 'warn',
    text: 'Compressing the metrics page failed, sent uncompressed',
    meaning: 'The scraper got all samples, in a larger answer.',
    data: 'none',
    action: 'Check whether the host has enough free memory.',
  },
  clientCertificateRejected: {
    level: 'debug',
    text: 'Rejected a client without a valid certificate',
    meaning: 'The web configuration file requires a client certificate. hostpush closed the connection.',
    data: 'none',
    action: 'Install a certificate on the client that `client_ca_file` and `client_allowed_sans` accept.',
  },
  handshakeFailed: {
    level: 'debug',
    text: 'TLS handshake with a client failed',
    meaning: 'The client speaks no TLS, supports no common version, or does not trust the certificate.',
    data: 'none',
    action: 'Check the scheme, the TLS version and the CA file of the client.',
  },
})
