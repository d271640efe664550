import { isIP } from 'node:net'
import { type ConnectionOptions, connect, type PeerCertificate } from 'node:tls'
import { hintFor } from '../hints/index.ts'
import { type TlsOptions, Trust, wordsOf } from '../http/index.ts'

import { type Clock, instantOf, withTimeout } from '../util/clock.ts'
import { plural } from '../util/plural.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { hostOf, portOf } from './network.ts'

const timeoutMs = 10_000
const dayMs = 86_400_000
/** A certificate that ends sooner is worth a word. */
const soonDays = 14

/** Whether a server's certificate is trusted as it will be by the agent, by whom, and for how long. */
export async function checkCertificate(url: URL, tls: TlsOptions | undefined, clock: Clock): Promise<Finding> {
  const trust = new Trust(tls ?? { verify: true })
  trust.refresh()
  const options = trust.connectionOptions('own')
  try {
    const seen = await handshake(url, options, clock)
    if (seen === 'late') return fail('tls', `no handshake within ${timeoutMs} ms`, 'is TLS spoken at this port?')
    const text = `${seen.version}: ${seen.chain}, ${lastingOf(seen)}`
    if (tls?.verify === false)
      return warn('tls', `${text}; not verified`, 'tls_config.ca_file in place of insecure_skip_verify')
    return seen.days < soonDays ? warn('tls', text, "the receiver's operator should renew it") : ok('tls', text)
  } catch (error) {
    const text = wordsOf(error)
    const seen = await unverified(url, options, clock)
    const whose = seen === undefined ? '' : `: ${seen.chain}, ${lastingOf(seen)}`
    return fail('tls', `${text}${whose}`, hintFor(text, { part: 'doctor', url: url.origin }))
  }
}

/** Whether TLS is spoken there, whoever it is. */
export const speaksTls = async (url: URL, clock: Clock): Promise<boolean> =>
  (await unverified(url, new Trust({ verify: false }).connectionOptions('other'), clock)) !== undefined

/** What a server shows of itself. */
interface CertificateCheck {
  readonly version: string
  /** Names from its certificate to its authority. */
  readonly chain: string
  /** Until the certificate begins, and ends. */
  readonly daysBefore: number
  readonly days: number
}

const unverified = (url: URL, options: ConnectionOptions, clock: Clock): Promise<CertificateCheck | undefined> =>
  handshake(url, { ...options, rejectUnauthorized: false }, clock).then(
    (seen) => (seen === 'late' ? undefined : seen),
    () => undefined, // told by the handshake that verifies
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
    socket.on('error', () => {}) // after its time
    socket.destroy()
  }
}

function lastingOf({ daysBefore, days }: CertificateCheck): string {
  if (daysBefore >= 0) return `not before ${plural(daysBefore + 1, 'day')} from now`
  return days < 0 ? `ended ${plural(-days, 'day')} ago` : `for ${days} more days`
}

/** Names from the server's certificate to its authority, which may vouch for itself. */
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
