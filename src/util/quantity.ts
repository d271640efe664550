/** Numbers with a unit, for people. JSON output and log fields keep plain numbers. */

const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
const decimal = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Bytes of memory or disk: `12.3 MiB`. */
export function sizeText(bytes: number): string {
  const steps = Math.min(binary.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return `${Math.round((bytes / 1024 ** steps) * 10) / 10} ${binary[steps]}`
}

/** Bytes of traffic, in decimal units, as data plans are sold: `12.3 MB`. */
export function trafficText(bytes: number): string {
  const steps = Math.min(decimal.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${Number((bytes / 1000 ** steps).toPrecision(3))} ${decimal[steps]}`
}

const timeUnits = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const

/** A duration or an age in its two largest units: `3 h 20 min`, `45 s`, `250 ms`. */
export function durationText(ms: number): string {
  if (ms > 0 && ms < 1000) return `${Math.round(ms)} ms`
  const seconds = Math.round(ms / 1000)
  const first = timeUnits.findIndex(([, size]) => seconds >= size)
  if (first < 0) return '0 s'
  const parts = timeUnits.slice(first, first + 2).map(([unit, size], i) => {
    const rest = i === 0 ? seconds : seconds % (timeUnits[first]?.[1] ?? 1)
    return [Math.floor(rest / size), unit] as const
  })
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** A count with spaces between groups of three digits: `1 234 567`. */
export const countText = (count: number): string => String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ' ')
