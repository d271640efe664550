import { type Limits, type MimirOptions, startMimir } from '../../test/support/mimir.ts'
import {
  type Prometheus,
  type Result,
  startPrometheus,
  startPrometheus3,
  startVictoriaMetrics,
  type Tester,
} from '../../test/support/servers.ts'
import { mimirVersion } from '../mimir.ts'

export const kinds = ['mimir', 'prometheus', 'prometheus3', 'victoria-metrics'] as const
export type Kind = (typeof kinds)[number]

export const versions = ['1.0', '2.0'] as const
export type Version = (typeof versions)[number]
export const windows = ['0', '10m'] as const
export type Window = (typeof windows)[number]

/** One combination of protocol and out-of-order window. */
export interface Variant {
  readonly version: Version
  readonly window: Window
}

/** A real receiver. A tenant is a host in the others, which have no tenants. */
export interface Target {
  readonly kind: Kind
  /** Its name and version. */
  readonly name: string
  /** URL for writes. */
  readonly writeUrl: string
  /** Options of the endpoint in the configuration of hostpush. */
  endpoint(tenant: string): object
  query(tenant: string, promql: string, atMs?: number): Promise<readonly Result[]>
  /** Changes some limits of a tenant. */
  limit(tenant: string, limits: Limits): Promise<void>
  /** Refused samples by reason, without those of a 429; undefined if the receiver does not count them. */
  refused(tenant: string): Promise<ReadonlyMap<string, number> | undefined>
  /** Kills processes and starts them again; without them, the gate simulates an outage. */
  readonly processes?: {
    kill(index: number): Promise<void>
    restart(index: number): Promise<void>
  }
}

/** The windows and versions that a kind has. */
export function variantsOf(kind: Kind): readonly Variant[] {
  const some = kind === 'mimir' || kind === 'prometheus3' ? versions : (['1.0'] as const)
  const others = kind === 'victoria-metrics' ? (['0'] as const) : windows
  return others.flatMap((window) => some.map((version) => ({ version, window })))
}

/** Undefined if there is no Mimir. */
export async function mimirTarget(t: Tester, options: MimirOptions = {}): Promise<Target | undefined> {
  const mimir = await startMimir(t, options)
  if (mimir === undefined) return undefined
  const limits = new Map<string, Limits>()
  return {
    kind: 'mimir',
    name: `Mimir ${mimirVersion}`,
    writeUrl: `${mimir.urls[0]}/api/v1/push`,
    endpoint: (tenant) => ({ preset: 'mimir', headers: { 'X-Scope-OrgID': tenant } }),
    query: (tenant, promql, atMs) => mimir.tenant(tenant).query(promql, atMs),
    async limit(tenant, more) {
      const all = { ...limits.get(tenant), ...more }
      limits.set(tenant, all)
      await mimir.setLimits(tenant, all)
    },
    async refused(tenant) {
      const all = await mimir.refused(tenant)
      return new Map([...all].filter(([reason]) => reason !== 'rate_limited'))
    },
    processes: mimir,
  }
}

/** A receiver without tenants, with one out-of-order window for all. */
export async function otherTarget(
  t: Tester,
  kind: Exclude<Kind, 'mimir'>,
  window: Window,
): Promise<Target | undefined> {
  const config = JSON.stringify({ storage: { tsdb: { out_of_order_time_window: window === '0' ? '0s' : window } } })
  const starts: Readonly<Record<typeof kind, () => Promise<Prometheus | undefined>>> = {
    prometheus: () => startPrometheus(t, { config }),
    prometheus3: () => startPrometheus3(t, { config }),
    'victoria-metrics': () => startVictoriaMetrics(t),
  }
  const server = await starts[kind]()
  if (server === undefined) return undefined
  return {
    kind,
    name: await nameOf(server, kind),
    writeUrl: `${server.url}/api/v1/write`,
    endpoint: () => ({ preset: kind === 'victoria-metrics' ? 'victoriametrics' : 'prometheus' }),
    query: (_, promql, atMs) => server.query(promql, atMs),
    limit: async () => {},
    refused: async () => undefined,
  }
}

async function nameOf({ url, api }: Prometheus, kind: Kind): Promise<string> {
  if (kind !== 'victoria-metrics') {
    const { version } = (await api('/api/v1/status/buildinfo')) as { version: string }
    return `Prometheus ${version}`
  }
  const page = await (await fetch(`${url}/metrics`)).text()
  const [, version = ''] = /^vm_app_version\{.*short_version="([^"]*)"/m.exec(page) ?? []
  return `VictoriaMetrics ${version}`.trim() // Debian builds it without a version
}
