import type { Dispatcher } from 'undici'
import { type Clock, systemClock } from '../../util/clock.ts'
import { partsOf } from '../redact.ts'
import type { Access, Sender } from '../types.ts'
import { type Kit, OriginClient } from './client.ts'
import type { ProxyOptions } from './proxy.ts'
import { isSameParty } from './redirect.ts'

/** A sender over one HTTP/1.1 connection. Loads only undici's Client: the whole package costs 6 MB more. */
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
  return new Connections(new URL(origin), kit, proxy === undefined ? [] : proxySecrets(proxy))
}

function proxySecrets({ http, https, connectHeaders }: ProxyOptions): readonly string[] {
  const values = [http?.authorization, https?.authorization, ...Object.values(connectHeaders).flat()]
  return values.flatMap((one) => (one === undefined ? [] : partsOf(one.reveal()))).filter((one) => one.length > 3)
}

/** The connection to the endpoint, and one to the last redirect target. */
class Connections implements Sender {
  opened = 0
  readonly secrets: readonly string[]
  readonly #own: URL
  readonly #kit: Kit
  readonly #client: OriginClient
  #redirected: { readonly origin: string; readonly client: OriginClient } | undefined
  #used: OriginClient

  constructor(own: URL, kit: Omit<Kit, 'onOpen'>, secrets: readonly string[]) {
    this.secrets = secrets
    this.#own = own
    this.#kit = { ...kit, onOpen: () => this.opened++ }
    this.#used = this.#client = new OriginClient(own, 'own', this.#kit)
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.#used = this.#clientFor(String(options.origin ?? this.#own.origin))
    return this.#used.dispatch(options, handler)
  }

  renew(): void {
    this.#used.renew()
  }

  async close(): Promise<void> {
    await this.destroy()
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#client.destroy(), this.#redirected?.client.destroy()])
  }

  #clientFor(origin: string): OriginClient {
    if (origin === this.#own.origin) return this.#client
    if (origin !== this.#redirected?.origin) {
      void this.#redirected?.client.destroy()
      const target = new URL(origin)
      const client = new OriginClient(target, isSameParty(this.#own, target) ? 'own' : 'other', this.#kit)
      this.#redirected = { origin, client }
    }
    return this.#redirected.client
  }
}
