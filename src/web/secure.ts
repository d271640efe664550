import type { Server, ServerOptions } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { type Log, report } from '../util/log.ts'
import type { Gate } from './gate.ts'
import { messages } from './messages.ts'
import type { ClientAuth, Protection, TlsProtection } from './protection.ts'

/** Time limit of a TLS handshake, milliseconds. */
const handshakeTimeout = 10_000

/** Rules for each type: whether to request a certificate, to verify it against the CA, and to reject clients without one. */
const rules: Readonly<
  Record<ClientAuth, { readonly requests: boolean; readonly verifies: boolean; readonly requires: boolean }>
> = {
  NoClientCert: { requests: false, verifies: false, requires: false },
  RequestClientCert: { requests: true, verifies: false, requires: false },
  RequireAnyClientCert: { requests: true, verifies: false, requires: true },
  VerifyClientCertIfGiven: { requests: true, verifies: true, requires: false },
  RequireAndVerifyClientCert: { requests: true, verifies: true, requires: true },
}

/** An HTTPS server. Each connection uses the web configuration file as it is at that time. */
export async function createSecureServer(options: ServerOptions, gate: Gate, log: Log): Promise<Server> {
  const { createServer } = await import('node:https')
  let current: Protection | undefined
  const first = gate.protection()
  const server = createServer({ ...options, handshakeTimeout, ...(first?.tls && optionsOf(first.tls)) })
  // must run before the listener of node:tls
  server.prependListener('connection', (socket) => {
    const protection = gate.protection()
    if (protection?.tls === undefined) socket.destroy()
    else if (protection !== current) {
      server.setSecureContext(protection.tls.context)
      Object.assign(server, verificationOf(protection.tls)) // Node reads these properties at each connection and has no setter
      current = protection
    }
  })
  server.prependListener('secureConnection', (socket) => {
    if (current?.tls !== undefined && isAllowed(socket, current.tls)) return
    report(log, messages.clientCertificateRejected)
    socket.destroy()
  })
  server.on('tlsClientError', (error) => report(log, messages.handshakeFailed, { err: error.message }))
  return server
}

const optionsOf = (tls: TlsProtection) => ({ ...tls.context, ...verificationOf(tls) })

function verificationOf({ clientAuth }: TlsProtection) {
  const { requests: requestCert, verifies, requires } = rules[clientAuth]
  return { requestCert, rejectUnauthorized: verifies && requires }
}

function isAllowed(socket: TLSSocket, { clientAuth, clientNames }: TlsProtection): boolean {
  const { verifies, requires } = rules[clientAuth]
  const { raw, subjectaltname = '' } = socket.getPeerCertificate()
  if (raw === undefined) return !requires
  if (verifies && !socket.authorized) return false
  const names = subjectaltname.split(', ').map((name) => name.slice(name.indexOf(':') + 1))
  return clientNames.length === 0 || clientNames.some((name) => names.includes(name))
}
