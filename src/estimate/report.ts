import { shownAddresses } from '../output.ts'
import { countText, durationText, trafficText } from '../util/quantity.ts'
import type { Alternative, EndpointEstimate, Estimate } from './estimate.ts'

const ownName = '(hostpush itself)'

/** An estimate as text. */
export function reportOf({ collectors, endpoints, intervalSeconds }: Estimate): string {
  const total = collectors.reduce((sum, { series }) => sum + series, 0)
  const rows = collectors
    .filter(({ series }) => series > 0)
    .map(({ collector, series }) => [collector === '' ? ownName : collector, countText(series)])
  const sum = `${countText(total)} series every ${durationText(intervalSeconds * 1000)}: ${countText((total * 60) / intervalSeconds)} samples a minute\n`
  const addresses = shownAddresses(endpoints.map(({ name, url }) => ({ key: name, name, url })))
  const parts = endpoints.map(({ name, url, alternatives }) => endpointText(addresses.get(name) ?? url, alternatives))
  return `${table([['collector', 'series'], ...rows])}\n${sum}${parts.join('')}`
}

function endpointText(address: string, alternatives: EndpointEstimate['alternatives']): string {
  const [now] = alternatives
  if (now === undefined) return ''
  const isBilled = now.billedSeries !== undefined
  const head = [
    '',
    'series',
    'saves series',
    'samples/month',
    'requests/month',
    'bytes/month',
    'saves bytes',
    ...(isBilled ? ['billed series'] : []),
  ]
  const rows = alternatives.map((one) => [
    one.way,
    countText(one.series),
    one.seriesSaved === 0 ? '' : countText(one.seriesSaved),
    countText(one.samplesPerMonth),
    countText(one.requestsPerMonth),
    trafficText(one.bytesPerMonth),
    saved(now, one),
    ...(isBilled ? [countText(one.billedSeries ?? 0)] : []),
  ])
  const bill = isBilled
    ? 'Grafana Cloud bills the larger of active series (a sample in the last 20 minutes) and samples a minute.\n'
    : ''
  const overhead = 'Bytes are compressed request bodies. HTTP and TLS add about 0.5 kB to each request.\n'
  return `\n${address}, a month of 30 days:\n${table([head, ...rows])}${overhead}${bill}`
}

function saved(now: Alternative, way: Alternative): string {
  if (way === now || now.bytesPerMonth === 0) return ''
  return `${Math.round((1 - way.bytesPerMonth / now.bytesPerMonth) * 100)} %`
}

/** Aligned columns: the first to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}
