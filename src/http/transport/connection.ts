import type { Dispatcher } from 'undici'
import { type Clock, systemClock } from '../../util/clock.ts'
import { partsOf } from '../redact.ts'
import type { Access, Sender } from '../types.ts'
import { type Kit, OriginClient } from './client.ts'
import type { ProxyOptions } from './proxy.ts'
import { isSameParty } from './redirect.ts'

/** A sender over one connection, HTTP/1.1. Loads undici's Client alone: the whole package costs 6 MB more. */
export async function connect(origin: string, access: Access = {}, clock: Clock = systemClock): Promise<Sender> {
  const { default: Client } = await import('undici/lib/dispatcher/client.js')
  const { default: build } = await import('undici/lib/core/connect.js')
  const { tls, proxy } = access
  const trust = new (await import('./tls.ts')).Trust({ verify: true, ...tls })
  const proxyFor = proxy && (await import('./proxy.ts')).proxyFor.bind(undefined, proxy)
  const connectHeaders = () =>
    Object.fromEntries(
      Object.entries(proxy?.connectHeaders ?? {}).map(([name, values]) => [name, values.map((one) => one.reveal())]),
    )
  const kit = { Client, build, clock, trust, proxyFor, connectHeaders, addresses: access.addresses ?? 'in order' }
  return new Connections(new URL(origin), kit, proxy === undefined ? [] : shownToProxies(proxy))
}

function shownToProxies({ http, https, connectHeaders }: ProxyOptions): readonly string[] {
  const given = [http?.authorization, https?.authorization, ...Object.values(connectHeaders).flat()]
  return given.flatMap((one) => (one === undefined ? [] : partsOf(one.reveal()))).filter((one) => one.length > 3)
}

/** The line to the endpoint, and the one to where it last sent us on. */
class Connections implements Sender {
  opened = 0
  readonly secrets: readonly string[]
  readonly #own: URL
  readonly #kit: Kit
  readonly #line: OriginClient
  #elsewhere: { readonly origin: string; readonly line: OriginClient } | undefined
  #used: OriginClient

  constructor(own: URL, kit: Omit<Kit, 'onOpen'>, secrets: readonly string[]) {
    this.secrets = secrets
    this.#own = own
    this.#kit = { ...kit, onOpen: () => this.opened++ }
    this.#used = this.#line = new OriginClient(own, 'own', this.#kit)
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.#used = this.#lineTo(String(options.origin ?? this.#own.origin))
    return this.#used.dispatch(options, handler)
  }

  renew(): void {
    this.#used.renew()
  }

  async close(): Promise<void> {
    await this.destroy()
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#line.destroy(), this.#elsewhere?.line.destroy()])
  }

  #lineTo(origin: string): OriginClient {
    if (origin === this.#own.origin) return this.#line
    if (origin !== this.#elsewhere?.origin) {
      void this.#elsewhere?.line.destroy()
      const target = new URL(origin)
      const line = new OriginClient(target, isSameParty(this.#own, target) ? 'own' : 'other', this.#kit)
      this.#elsewhere = { origin, line }
    }
    return this.#elsewhere.line
  }
}
