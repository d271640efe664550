import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { temporary } from './servers.ts'

export interface Certificates {
  /** The authority's certificate, in a file. */
  readonly ca: string
  /** Certificate and key for 127.0.0.1 and receiver.test, as options of node:tls. */
  readonly server: { readonly cert: string; readonly key: string; readonly ca: string }
  /** Files of a certificate for a name, made by this authority. */
  make(name: string, more?: string): { readonly cert: string; readonly key: string }
}

/** A certificate authority for the test, made with openssl. */
export function certificates(t: TestContext): Certificates {
  const folder = temporary(t)
  const at = (file: string) => join(folder, file)
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const newKey = (file: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-noenc',
    '-keyout',
    file,
  ]
  openssl('req', '-x509', ...newKey('ca.key'), '-out', 'ca.pem', '-days', '2', '-subj', '/CN=authority of a test')
  const make = (name: string, more = '') => {
    openssl('req', ...newKey(`${name}.key`), '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    writeFileSync(at(`${name}.ext`), `basicConstraints=CA:FALSE\n${more}\n`)
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`]
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed)
    return { cert: at(`${name}.pem`), key: at(`${name}.key`) }
  }
  const files = make('server', 'subjectAltName=IP:127.0.0.1,DNS:receiver.test,DNS:localhost')
  const text = (file: string) => readFileSync(file, 'utf8')
  return {
    ca: at('ca.pem'),
    server: { cert: text(files.cert), key: text(files.key), ca: text(at('ca.pem')) },
    make,
  }
}

const expiry = `[ca]
default_ca = made
[made]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = IP:127.0.0.1
`

/** A self-signed certificate for 127.0.0.1, valid between two days such as 20200101 and 20200102. */
export function selfSigned(t: TestContext, from: string, to: string) {
  const folder = temporary(t)
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  writeFileSync(join(folder, 'index'), '')
  writeFileSync(join(folder, 'config'), expiry)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-keyout', 'key']
  openssl('req', ...key, '-out', 'csr', '-subj', '/CN=receiver')
  const days = ['-startdate', `${from}000000Z`, '-enddate', `${to}000000Z`]
  openssl(
    'ca',
    '-batch',
    '-notext',
    '-config',
    'config',
    '-selfsign',
    '-keyfile',
    'key',
    '-in',
    'csr',
    '-out',
    'cert',
    ...days,
  )
  const text = (file: string) => readFileSync(join(folder, file), 'utf8')
  return { cert: text('cert'), key: text('key'), file: join(folder, 'cert') }
}

/** The option for a file with certificates or a key, which is read at each use. */
export const pemFile = (file: string) => ({ file, read: () => readFileSync(file, 'utf8') })
