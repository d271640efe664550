import { isIP } from 'node:net'
import { type ConnectionOptions, connect, type PeerCertificate } from 'node:tls'
import { hintFor } from '../hints/index.ts'
import { type TlsOptions, Trust, wordsOf } from '../http/index.ts'

import { type Clock, instantOf, withTimeout } from '../util/clock.ts'
import { plural } from '../util/plural.ts'
import { durationText } from '../util/quantity.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { hostOf, portOf } from './network.ts'

const timeoutMs = 10_000
const dayMs = 86_400_000
/** A certificate that expires sooner is a warning. */
const soonDays = 14

/** Tests the TLS handshake with the trust settings of the agent. Reports the certificate chain and its validity. */
export async function checkCertificate(url: URL, tls: TlsOptions | undefined, clock: Clock): Promise<Finding> {
  const trust = new Trust(tls ?? { verify: true })
  trust.refresh()
  const options = trust.connectionOptions('own')
  try {
    const handshaken = await handshake(url, options, clock)
    if (handshaken === 'late')
      return fail('tls', `no TLS handshake within ${durationText(timeoutMs)}`, 'check that this port expects TLS')
    const text = `${handshaken.version}, certificate ${handshaken.chain}, ${validityOf(handshaken)}`
    if (tls?.verify === false)
      return warn('tls', `${text}; not verified`, 'set tls_config.ca_file and remove insecure_skip_verify')
    return handshaken.days < soonDays
      ? warn('tls', text, 'ask the operator of the receiver to renew it')
      : ok('tls', text)
  } catch (error) {
    const text = wordsOf(error)
    const certificate = await unverified(url, options, clock)
    const details = certificate === undefined ? '' : `: certificate ${certificate.chain}, ${validityOf(certificate)}`
    return fail('tls', `${text}${details}`, hintFor(text, { part: 'doctor', url: url.origin }))
  }
}

/** Whether the server responds to TLS, with any certificate. */
export const speaksTls = async (url: URL, clock: Clock): Promise<boolean> =>
  (await unverified(url, new Trust({ verify: false }).connectionOptions('other'), clock)) !== undefined

/** The TLS version and certificate of a server. */
interface CertificateCheck {
  readonly version: string
  /** Common names, from the server certificate to the authority. */
  readonly chain: string
  /** Days until the certificate becomes valid, and until it expires. */
  readonly daysBefore: number
  readonly days: number
}

const unverified = (url: URL, options: ConnectionOptions, clock: Clock): Promise<CertificateCheck | undefined> =>
  handshake(url, { ...options, rejectUnauthorized: false }, clock).then(
    (result) => (result === 'late' ? undefined : result),
    () => undefined, // the handshake that verifies reports the error
  )

async function handshake(url: URL, options: ConnectionOptions, clock: Clock): Promise<CertificateCheck | 'late'> {
  const host = hostOf(url)
  const socket = connect({ host, port: portOf(url), ...(isIP(host) ? {} : { servername: host }), ...options })
  try {
    const shaken = new Promise<'done'>((resolve, reject) => {
      socket.once('secureConnect', () => resolve('done'))
      socket.once('error', reject)
    })
    if ((await withTimeout(clock, timeoutMs, shaken)) === 'late') return 'late'
    const certificate = socket.getPeerCertificate(true)
    const until = (time: string) => Math.floor((instantOf(time) - clock.now()) / dayMs)
    return {
      version: String(socket.getProtocol()),
      chain: chainOf(certificate).join(' < '),
      daysBefore: until(certificate.valid_from),
      days: until(certificate.valid_to),
    }
  } finally {
    socket.on('error', () => {}) // an error after the timeout
    socket.destroy()
  }
}

function validityOf({ daysBefore, days }: CertificateCheck): string {
  if (daysBefore >= 0) return `valid in ${plural(daysBefore + 1, 'day')}`
  return days < 0 ? `expired ${plural(-days, 'day')} ago` : `valid for ${plural(days, 'day')}`
}

/** Common names from the server certificate to the authority. A root certificate is its own issuer. */
function chainOf(certificate: PeerCertificate & { issuerCertificate?: PeerCertificate }): readonly string[] {
  const names: string[] = []
  const seen = new Set<string>()
  let one: typeof certificate | undefined = certificate
  while (one?.subject !== undefined && !seen.has(one.fingerprint256)) {
    seen.add(one.fingerprint256)
    names.push(String(one.subject.CN ?? one.subject.O ?? 'a certificate without a name'))
    one = one.issuerCertificate
  }
  return names
}
