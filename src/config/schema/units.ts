const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
  d: 8.64e7,
  w: 6.048e8,
  y: 3.1536e10,
}
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/** A duration as Prometheus writes it (`15s`, `1m30s`, `100ms`) or with a fraction (`3.46608s`), in milliseconds. */
export function durationMs(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(\d+(\.\d+)?(ms|[smhdwy]))+$/.test(text)) return undefined
  let total = 0
  for (const [, digits, unit = ''] of text.matchAll(/([\d.]+)([a-z]+)/g))
    total += Number(digits) * (durationUnits[unit] ?? 0)
  return total
}

/** A checked duration in milliseconds; `fallback` if there is none. */
export const milliseconds = (text: string | undefined, fallback: number): number =>
  text === undefined ? fallback : (durationMs(text) ?? fallback)

/** `512MiB`, `64KB`, `4096`, in bytes. */
export function sizeBytes(text: string): number | undefined {
  const [, digits, unit = 'B'] = /^(\d+(?:\.\d+)?)\s*([KMG]i?B|B)?$/.exec(text) ?? []
  return digits === undefined ? undefined : Math.floor(Number(digits) * (sizeUnits[unit] ?? 1))
}
