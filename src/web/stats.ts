import { gauge, ownCounter } from '../metrics/index.ts'
import type { OwnStat } from './registry.ts'

/** Counters of requests for metrics. */
export interface WebStats {
  /** Number of requests by HTTP status. Requests with an invalid filter are not counted, as in node_exporter. */
  readonly requests: Record<200 | 500 | 503, number>
  readonly errors: Record<'encoding' | 'gathering', number>
  inFlight: number
}

export const createStats = (): WebStats => ({
  requests: { 200: 0, 500: 0, 503: 0 },
  errors: { encoding: 0, gathering: 0 },
  inFlight: 0,
})

const requests = ownCounter('promhttp_metric_handler_requests_total', 'Requests for metrics, by the status answered.', [
  'code',
])
const inFlight = gauge('promhttp_metric_handler_requests_in_flight', 'Requests for metrics that are being answered.')
const errors = ownCounter('promhttp_metric_handler_errors_total', 'Errors while serving metrics, by cause.', ['cause'])

export function statsOf(stats: WebStats): OwnStat[] {
  return [
    ...Object.entries(stats.requests).map(([code, value]) => ({ family: requests, labels: { code }, value })),
    ...Object.entries(stats.errors).map(([cause, value]) => ({ family: errors, labels: { cause }, value })),
    { family: inFlight, value: stats.inFlight },
  ]
}
