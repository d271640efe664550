import { isIP } from 'node:net'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { type Clock, instantOf, within } from '../clock.ts'
import { hintFor } from '../hints/hint.ts'
import { type TlsOptions, Trust } from '../http/tls.ts'
import { messageOf } from '../log.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { hostOf, portOf } from './reach.ts'

const patienceMs = 10_000
const dayMs = 86_400_000
/** A certificate that ends sooner is worth a word. */
const soonDays = 14

/** Whether a server's certificate is trusted as it will be by the agent, by whom, and for how long. */
export async function checkCertificate(url: URL, tls: TlsOptions | undefined, clock: Clock): Promise<Finding> {
  const host = hostOf(url)
  const trust = new Trust(tls ?? { verify: true })
  trust.refresh()
  const options = trust.connectionOptions('own')
  const socket = connect({ host, port: portOf(url), ...(isIP(host) ? {} : { servername: host }), ...options })
  try {
    const shaken = new Promise<'done'>((resolve, reject) => {
      socket.once('secureConnect', () => resolve('done'))
      socket.once('error', reject)
    })
    if ((await within(clock, patienceMs, shaken)) === 'late')
      return fail('tls', `no handshake within ${patienceMs} ms`, 'is TLS spoken at this port?')
    return findingOf(socket, tls, clock.now())
  } catch (error) {
    const text = messageOf(error)
    return fail('tls', text, hintFor(text, { part: 'doctor', url: url.origin }))
  } finally {
    socket.on('error', () => {}) // after its time
    socket.destroy()
  }
}

function findingOf(socket: TLSSocket, tls: TlsOptions | undefined, nowMs: number): Finding {
  const certificate = socket.getPeerCertificate(true)
  const days = Math.floor((instantOf(certificate.valid_to) - nowMs) / dayMs)
  const text = `${socket.getProtocol()}: ${chainOf(certificate).join(' < ')}, for ${days} more days`
  if (tls?.verify === false)
    return warn('tls', `${text}; not verified`, 'tls_config.ca_file in place of insecure_skip_verify')
  if (days < soonDays) return warn('tls', text, "the receiver's operator should renew it")
  return ok('tls', text)
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
