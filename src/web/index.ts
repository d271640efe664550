import type { CollectionResult } from '../collect/index.ts'
import type { SnapshotConsumer } from '../output.ts'
import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import { type Answer, plain, type Request } from './answer.ts'
import { Gate } from './gate.ts'
import { landing, notFound } from './landing.ts'
import { addressOf, type Listener, listenOn } from './listen.ts'
import { messages } from './messages.ts'
import { createMetricsPage, noSnapshot } from './metrics-page.ts'
import type { CurrentProtection } from './protection.ts'
import type { OwnStat } from './registry.ts'
import { createStats, type WebStats } from './stats.ts'

export { addressOf } from './listen.ts'
export { type CurrentProtection, clientAuthTypes, type Protection, type TlsProtection } from './protection.ts'
export type { OwnStat } from './registry.ts'

export interface WebOptions {
  /** `host:port`, `:port` or `[::1]:port`. If empty, nothing is served. */
  readonly listenAddresses: readonly string[]
  /** Whether the user set them: an address that is not available is then an error instead of a warning. */
  readonly listenAddressesNamed: boolean
  /** Descriptors of listening sockets from systemd; `listenAddresses` is then empty. */
  readonly sockets: readonly number[]
  readonly telemetryPath: string
  /** Maximum number of concurrent requests for metrics; 0: no limit. */
  readonly maxRequests: number
  /** Omits `nodejs_*`, `process_*` and `promhttp_*`. */
  readonly disableExporterMetrics: boolean
  /** Web configuration file of exporter-toolkit: TLS, passwords, headers. */
  readonly configFile: string | undefined
  /** Enables reloads over HTTP (`/-/reload`). */
  readonly enableLifecycle: boolean
}

export interface WebDeps {
  readonly clock: Clock
  readonly log: Log
  readonly program: { readonly name: string; readonly version: string }
  readonly enabledCollectors: readonly string[]
  readonly allCollectors: readonly string[]
  /** Self metrics, read at each request for metrics. */
  readonly own: () => Iterable<OwnStat>
  /** State of each output for the status page, without secrets. */
  readonly status: () => Iterable<readonly [name: string, text: string]>
  /** Reads the web configuration file. Rejects with an Error if it is invalid. */
  readonly protection?: () => Promise<CurrentProtection>
  /** Reloads the configuration; resolves to the problems, empty on success. */
  readonly reload?: () => Promise<readonly string[]>
}

/** HTTP server for the last snapshot: metrics page, status page, health checks. */
export interface Web extends SnapshotConsumer {
  readonly stats: WebStats
  /** Resolves to the bound addresses. Rejects with an Error that names the unavailable address and the remedy. */
  listen(): Promise<readonly string[]>
}

const healthPath = '/-/healthy'
const readyPath = '/-/ready'
const reloadPath = '/-/reload'

/** Throws an Error if an option is invalid. Does not listen and does not load the HTTP server yet. */
export function createWeb(options: WebOptions, deps: WebDeps): Web {
  const { clock, log, program } = deps
  const listenTargets = [...options.sockets.map((fd) => ({ fd })), ...options.listenAddresses.map(addressOf)]
  if (!options.telemetryPath.startsWith('/'))
    throw new Error(`web: telemetry path ${JSON.stringify(options.telemetryPath)} does not begin with a slash`)
  const stats = createStats()
  const metrics = createMetricsPage(options, deps, stats)
  const listeners: Listener[] = []
  let latest: CollectionResult | undefined

  const welcome = () =>
    landing({
      ...program,
      links: [options.telemetryPath, healthPath, readyPath],
      status: [collected(), ...deps.status()],
    })
  const collected = (): readonly [string, string] => {
    if (latest === undefined) return ['last snapshot', 'none yet']
    const { timestampMs, series } = latest.snapshot
    return ['last snapshot', `${series.length} samples, ${Math.round((clock.now() - timestampMs) / 1000)} s ago`]
  }
  const pages = new Map<string, (request: Request) => Answer | Promise<Answer>>([
    ['/', welcome],
    [healthPath, () => plain(200, `${program.name} is healthy.`)],
    [readyPath, () => (latest === undefined ? plain(503, noSnapshot) : plain(200, `${program.name} is ready.`))],
    [reloadPath, (request) => reload(request, options, deps)],
    [options.telemetryPath, (request) => metrics(request, latest)],
  ])
  const answer = (request: Request) => pages.get(request.path)?.(request) ?? notFound

  const stop = async (deadline: AbortSignal) => {
    await Promise.all(listeners.splice(0).map((listener) => listener.close(deadline)))
  }
  return {
    name: 'web',
    stats,
    stop,
    onSnapshot(cycle) {
      latest = cycle
    },
    async listen() {
      const gate = listenTargets.length > 0 && deps.protection && new Gate(await deps.protection(), { clock, log })
      for (const target of listenTargets) {
        try {
          const listener = await listenOn(target, answer, { clock, log, gate: gate || undefined })
          listeners.push(listener)
          report(log, messages.listening, { address: listener.address })
        } catch (error) {
          await stop(AbortSignal.abort())
          if (options.listenAddressesNamed) throw error
          report(log, messages.listenFailed, { err: error })
          return []
        }
      }
      return listeners.map(({ address }) => address)
    },
  }
}

async function reload({ method }: Request, { enableLifecycle }: WebOptions, deps: WebDeps): Promise<Answer> {
  if (!enableLifecycle || deps.reload === undefined)
    return plain(403, 'Reload over HTTP is disabled. Start hostpush with --web.enable-lifecycle, or send SIGHUP.')
  if (method !== 'POST' && method !== 'PUT') return plain(405, 'Use POST.')
  const problems = await deps.reload()
  return problems.length === 0 ? plain(200, 'Configuration reloaded.') : plain(500, problems.join('\n'))
}
