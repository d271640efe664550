/** Prometheus metric types, as in the text format: https://prometheus.io/docs/concepts/metric_types/ */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped'

/** Suffix that a series of a classic histogram or summary adds to the family name. */
export type Suffix = '' | '_bucket' | '_sum' | '_count'

/**
 * Start of a counter: the boot of the host, or the start of this process. A counter that appears later (a hot-plugged
 * device) starts at zero, so the earlier time is correct for it too. A number is a start time from the source of the
 * samples, milliseconds since the epoch.
 */
export type Since = keyof Starts | number

/** Start times, milliseconds since the epoch; 0 if unknown. The object stays the same while the times do. */
export interface Starts {
  readonly boot: number
  readonly start: number
}

/**
 * The static part of a group of series. Created once at module level and compared by identity.
 * `name` is the name in the TYPE line; the name of a series is `name + suffix`.
 */
export interface Family<Label extends string = string> {
  readonly name: string
  readonly suffix: Suffix
  readonly type: MetricType
  readonly help: string
  /** Label names in byte order, independent of the order of declaration. */
  readonly labelNames: readonly Label[]
  /** Undefined if unknown, and for types without a start. */
  readonly since?: Since | undefined
}

/** Start time of a counter, milliseconds since the epoch; 0 if unknown. */
export function beginningOf(since: Since | undefined, starts: Starts | undefined): number {
  if (since === undefined || typeof since === 'number') return since ?? 0
  return starts?.[since] ?? 0
}

export type Labels<Label extends string = string> = { readonly [name in Label]: string }

/** Labels with overrides; an override with an empty value removes the label. */
export const labelled = (labels: Labels, overrides: Labels): Labels =>
  Object.fromEntries(Object.entries({ ...labels, ...overrides }).filter(([name]) => overrides[name] !== ''))

export const family = <Label extends string = never>(
  type: MetricType,
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
  suffix: Suffix = '',
): Family<Label> => ({ name, suffix, type, help, labelNames: labelNames.toSorted(byCodeUnit) })

const define =
  (type: MetricType, since?: Since) =>
  <Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []): Family<Label> => ({
    ...family(type, name, help, labelNames),
    ...(since && { since }),
  })

/** A kernel counter, which starts at boot. */
export const counter = define('counter', 'boot')
/** A counter of this process. */
export const ownCounter = define('counter', 'start')
/** A counter with an unknown start: of another program, persistent across boots, or reset at any time. */
export const undatedCounter = define('counter')
export const gauge = define('gauge')

/** The families of a classic histogram of this process; the buckets also have the label `le`. */
export const ownHistogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) => ({
  bucket: { ...family('histogram', name, help, [...labelNames, 'le' as const], '_bucket'), since: 'start' as const },
  sum: { ...family('histogram', name, help, labelNames, '_sum'), since: 'start' as const },
  count: { ...family('histogram', name, help, labelNames, '_count'), since: 'start' as const },
})
export const untyped = define('untyped')

/** Cache of families with names from the kernel (meminfo, netstat, vmstat). Created on first use and never dropped. */
export function familyOf<Label extends string = never>(
  make: (key: string) => Family<Label>,
): (key: string) => Family<Label> {
  const cache = new Map<string, Family<Label>>()
  return (key) => {
    let cached = cache.get(key)
    if (cached === undefined) cache.set(key, (cached = valid(make(key))))
    return cached
  }
}

/** Throws on an invalid metric name: a receiver would reject the whole request. */
function valid<Label extends string>(one: Family<Label>): Family<Label> {
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(one.name)) throw new Error(`${JSON.stringify(one.name)} is not a metric name`)
  return one
}

/** Order of labels and lines: by UTF-16 code unit, independent of the locale. */
export function byCodeUnit(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
