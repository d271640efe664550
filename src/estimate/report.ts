import type { Alternative, EndpointEstimate, Estimate } from './estimate.ts'

const ownName = "(hostpush's own)"

/** An estimate, to read. */
export function reportOf({ collectors, endpoints, intervalSeconds }: Estimate): string {
  const total = collectors.reduce((sum, { series }) => sum + series, 0)
  const rows = collectors
    .filter(({ series }) => series > 0)
    .map(({ collector, series }) => [collector === '' ? ownName : collector, grouped(series)])
  const sum = `${grouped(total)} series every ${intervalSeconds} s: ${grouped((total * 60) / intervalSeconds)} samples a minute\n`
  return `${table([['collector', 'series'], ...rows])}\n${sum}${endpoints.map(endpointText).join('')}`
}

function endpointText({ name, url, alternatives }: EndpointEstimate): string {
  const [now] = alternatives
  if (now === undefined) return ''
  const isBilled = now.billedSeries !== undefined
  const head = [
    '',
    'series',
    'samples/month',
    'requests/month',
    'bytes/month',
    'saves',
    ...(isBilled ? ['billed series'] : []),
  ]
  const rows = alternatives.map((one) => [
    one.way,
    grouped(one.series),
    grouped(one.samplesPerMonth),
    grouped(one.requestsPerMonth),
    size(one.bytesPerMonth),
    saved(now, one),
    ...(isBilled ? [grouped(one.billedSeries ?? 0)] : []),
  ])
  const bill = isBilled
    ? 'Grafana Cloud bills active series (a sample in the last 20 minutes) or data points a minute, whichever is more.\n'
    : ''
  const besides = 'A request costs about half a kilobyte more for HTTP and TLS.\n'
  return `\n${name} (${url}), a month of 30 days:\n${table([head, ...rows])}${besides}${bill}`
}

function saved(now: Alternative, way: Alternative): string {
  if (way === now || now.bytesPerMonth === 0) return ''
  return `${Math.round((1 - way.bytesPerMonth / now.bytesPerMonth) * 100)} %`
}

/** Columns under each other: the first to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}

const grouped = (number: number) => String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, ' ')

/** In decimal units, as data plans are sold. */
function size(bytes: number): string {
  const steps = Math.min(4, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${Number((bytes / 1000 ** steps).toPrecision(3))} ${['B', 'kB', 'MB', 'GB', 'TB'][steps]}`
}
