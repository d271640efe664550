/** Prometheus metric types, as in the text format: https://prometheus.io/docs/concepts/metric_types/ */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped'

/** What a classic histogram or summary appends to its family's name for the series it is made of. */
export type Suffix = '' | '_bucket' | '_sum' | '_count'

/**
 * Since when a counter counts: since the host was booted, or since the program was started that tells it, which is this
 * one. What began later than that (a device that was plugged in) began at zero, so that it is true of it as well. A number
 * is a time that was told with the samples, milliseconds since the epoch.
 */
export type Since = keyof Starts | number

/** When that was, milliseconds since the epoch; 0 where it is not known. One object as long as it is the same. */
export interface Starts {
  readonly boot: number
  readonly start: number
}

/**
 * The static part of a group of series. Made once at module level and compared by identity.
 * `name` is what the TYPE line says; a series' own name is `name + suffix`.
 */
export interface Family<Label extends string = string> {
  readonly name: string
  readonly suffix: Suffix
  readonly type: MetricType
  readonly help: string
  /** In byte order, whatever order they were declared in. */
  readonly labelNames: readonly Label[]
  /** Missing where nobody knows, and for what is no counter. */
  readonly since?: Since | undefined
}

/** When a counter began, milliseconds since the epoch; 0 where that is not known. */
export function beginningOf(since: Since | undefined, starts: Starts | undefined): number {
  if (since === undefined || typeof since === 'number') return since ?? 0
  return starts?.[since] ?? 0
}

export type Labels<Label extends string = string> = { readonly [name in Label]: string }

/** Labels with others over them; an empty value takes one away. */
export const labelled = (labels: Labels, wished: Labels): Labels =>
  Object.fromEntries(Object.entries({ ...labels, ...wished }).filter(([name]) => wished[name] !== ''))

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

/** A counter of the kernel, which began with it. */
export const counter = define('counter', 'boot')
/** A counter of this process. */
export const ownCounter = define('counter', 'start')
/** A counter that began nobody knows when: another program's, or one that outlives a boot or is reset at will. */
export const undatedCounter = define('counter')
export const gauge = define('gauge')

/** The families of a classic histogram that this process makes; `le` comes to the labels of its buckets. */
export const ownHistogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) => ({
  bucket: { ...family('histogram', name, help, [...labelNames, 'le' as const], '_bucket'), since: 'start' as const },
  sum: { ...family('histogram', name, help, labelNames, '_sum'), since: 'start' as const },
  count: { ...family('histogram', name, help, labelNames, '_count'), since: 'start' as const },
})
export const untyped = define('untyped')

/** Families whose names come from the kernel (meminfo, netstat, vmstat): made at first sight, kept for good. */
export function familyOf<Label extends string = never>(
  make: (key: string) => Family<Label>,
): (key: string) => Family<Label> {
  const made = new Map<string, Family<Label>>()
  return (key) => {
    let known = made.get(key)
    if (known === undefined) made.set(key, (known = valid(make(key))))
    return known
  }
}

/** One family with a name that is none would have a whole request refused. */
function valid<Label extends string>(one: Family<Label>): Family<Label> {
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(one.name)) throw new Error(`${JSON.stringify(one.name)} is not a metric name`)
  return one
}

/** The order of labels and of lines: that of their code units, the same everywhere. */
export function byCodeUnit(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
