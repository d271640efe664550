import { statSync } from 'node:fs'

/** Where distributions keep the authorities that the host trusts, its operator's own among them, in one file. */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Alpine, Arch
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // Fedora, RHEL
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/ssl/cert.pem',
]

/** The file of authorities of this host. Undefined where there is none, or Node was told of more: then Node's hold. */
export function hostAuthorities(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = environment['SSL_CERT_FILE']
  if (named) return named
  return environment['NODE_EXTRA_CA_CERTS'] ? undefined : bundles.find(isFilled)
}

const isFilled = (file: string) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0
