import type { Server, ServerOptions } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { type Log, report } from '../util/log.ts'
import type { Gate } from './gate.ts'
import { messages } from './messages.ts'
import type { ClientAuth, Protection, TlsProtection } from './protection.ts'

/** How long a client may take to come to terms. */
const handshakeTimeout = 10_000

/** What each type asks of a client: a certificate; one that our authorities made; anything at all. */
const asks: Readonly<Record<ClientAuth, { readonly asks: boolean; readonly trusts: boolean; readonly deps: boolean }>> =
  {
    NoClientCert: { asks: false, trusts: false, deps: false },
    RequestClientCert: { asks: true, trusts: false, deps: false },
    RequireAnyClientCert: { asks: true, trusts: false, deps: true },
    VerifyClientCertIfGiven: { asks: true, trusts: true, deps: false },
    RequireAndVerifyClientCert: { asks: true, trusts: true, deps: true },
  }

/** A server that speaks TLS as the web configuration file says when a connection comes in. */
export async function createSecureServer(options: ServerOptions, gate: Gate, log: Log): Promise<Server> {
  const { createServer } = await import('node:https')
  let held: Protection | undefined
  const first = gate.protection()
  const server = createServer({ ...options, handshakeTimeout, ...(first?.tls && optionsOf(first.tls)) })
  // before node:tls looks at the connection
  server.prependListener('connection', (socket) => {
    const protection = gate.protection()
    if (protection?.tls === undefined) socket.destroy()
    else if (protection !== held) {
      server.setSecureContext(protection.tls.context)
      Object.assign(server, questionsOf(protection.tls)) // Node reads them at each connection and has no setter
      held = protection
    }
  })
  server.prependListener('secureConnection', (socket) => {
    if (held?.tls !== undefined && isWelcome(socket, held.tls)) return
    report(log, messages.clientCertificateRejected)
    socket.destroy()
  })
  server.on('tlsClientError', (error) => report(log, messages.handshakeFailed, { err: error.message }))
  return server
}

const optionsOf = (tls: TlsProtection) => ({ ...tls.context, ...questionsOf(tls) })

function questionsOf({ clientAuth }: TlsProtection) {
  const { asks: requestCert, trusts, deps } = asks[clientAuth]
  return { requestCert, rejectUnauthorized: trusts && deps }
}

function isWelcome(socket: TLSSocket, { clientAuth, clientNames }: TlsProtection): boolean {
  const { trusts, deps } = asks[clientAuth]
  const { raw, subjectaltname = '' } = socket.getPeerCertificate()
  if (raw === undefined) return !deps
  if (trusts && !socket.authorized) return false
  const names = subjectaltname.split(', ').map((name) => name.slice(name.indexOf(':') + 1))
  return clientNames.length === 0 || clientNames.some((name) => names.includes(name))
}
