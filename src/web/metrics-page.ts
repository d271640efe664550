import type { CollectionResult } from '../collect/index.ts'
import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import { LineRate } from '../util/log-rate.ts'
import { type Answer, plain, type Request } from './answer.ts'
import { messages } from './messages.ts'
import { createPage } from './page.ts'
import type { OwnStat } from './registry.ts'
import { selectionOf } from './selection.ts'
import type { WebStats } from './stats.ts'

interface Options {
  readonly maxRequests: number
  readonly disableExporterMetrics: boolean
}

interface Deps {
  readonly clock: Clock
  readonly log: Log
  readonly enabledCollectors: readonly string[]
  readonly allCollectors: readonly string[]
  readonly own: () => Iterable<OwnStat>
}

export const noSnapshot = 'No snapshot yet: the first collection has not finished. Try again in a few seconds.'

const headers = {
  'content-type': 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores',
  vary: 'Accept-Encoding',
}

/** Answers requests for metrics from the last collection cycle. Never runs a collector. */
export function createMetricsPage(options: Options, deps: Deps, stats: WebStats) {
  const page = createPage({ ...deps, stats, exporterMetrics: !options.disableExporterMetrics })
  const rejections = new LineRate(deps.clock)

  const counted = (status: keyof WebStats['requests'], answer: Omit<Answer, 'status'>): Answer => {
    stats.requests[status]++
    return { ...answer, status }
  }
  const done = () => {
    stats.inFlight--
  }
  const notEncoded = (err: unknown) => {
    stats.errors.encoding++
    report(deps.log, messages.compressionFailed, { err })
  }
  return async (request: Request, cycle: CollectionResult | undefined): Promise<Answer> => {
    const { invalid, collectors } = selectionOf(request.query, deps)
    if (invalid !== undefined) {
      const suppressed = rejections.next(request.client, invalid)
      const fields = { client: request.client, reason: invalid, ...(suppressed && { suppressed }) }
      if (suppressed !== undefined) report(deps.log, messages.filterRejected, fields)
      return plain(400, invalid)
    }
    if (cycle === undefined) return counted(503, plain(503, noSnapshot))
    if (options.maxRequests > 0 && stats.inFlight >= options.maxRequests) {
      const busy = `Limit of concurrent requests reached (${options.maxRequests}), try again later.`
      return counted(503, plain(503, busy))
    }
    stats.inFlight++
    try {
      const bytes = await page(cycle, collectors)
      const packed = wantsGzip(request.acceptEncoding) ? await gzipped(bytes).catch(notEncoded) : undefined
      const encoding = packed === undefined ? {} : { 'content-encoding': 'gzip' }
      return counted(200, { headers: { ...headers, ...encoding }, body: packed ?? bytes, done })
    } catch (error) {
      report(deps.log, messages.pageFailed, { err: error })
      return counted(500, { ...plain(500, 'Writing the metrics page failed. See the log of hostpush.'), done })
    }
  }
}

/**
 * Whether the client prefers gzip to identity (RFC 9110, 12.5.3). On a tie the page is not compressed, as in node_exporter.
 */
export function wantsGzip(acceptEncoding: string): boolean {
  const weightOf = (coding: string) => {
    const weights = acceptEncoding.split(',').map((part) => {
      const [, name = '', weight = '1'] = /^\s*([^\s;]+)\s*(?:;\s*q=([\d.]+)\s*)?$/.exec(part) ?? []
      return name === '*' || name.toLowerCase() === coding ? Number(weight) : 0
    })
    return Math.max(...weights)
  }
  return weightOf('gzip') > weightOf('identity')
}

/** Level 1: a third of the CPU time of the default level for a sixth more bytes. Runs in the thread pool. */
async function gzipped(page: Buffer): Promise<Buffer> {
  const { gzip } = await import('node:zlib')
  return new Promise((resolve, reject) => {
    gzip(page, { level: 1 }, (error, bytes) => (error === null ? resolve(bytes) : reject(error)))
  })
}
