import type { Dir, Host } from './host/index.ts'

import type { Family, Filter, Labels, Pattern } from './metrics/index.ts'

import { messageOf } from './util/log.ts'

/** Thrown when node_exporter returns ErrNoData: the host has no such device or feature. It is not logged as a failure. */
export class NoData extends Error {}

/** The directory; NoData if it does not exist. `/sys/class/nvme` exists only on a host with such devices. */
export function requireDir(dir: Dir): Dir {
  if (!dir.exists()) throw new NoData(`no ${dir.path}`)
  return dir.listable()
}

/** The value; NoData if it is undefined. */
export function requireValue<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new NoData(`no ${what}`)
  return value
}

/**
 * Collects every item. A failure in one item does not hide the others: after the last item the first failure is thrown,
 * a NoData only if there is no other. With `warn`, every failure becomes a warning and nothing is thrown. The iterable
 * may itself throw at its end, as `parseEach` does.
 */
export function collectEach<T>(items: Iterable<T>, collect: (item: T) => void, warn?: (text: string) => void): void {
  const failures: unknown[] = []
  try {
    for (const item of items) {
      try {
        collect(item)
      } catch (error) {
        failures.push(error)
      }
    }
  } catch (error) {
    failures.push(error)
  }
  if (warn !== undefined) for (const failure of failures) warn(messageOf(failure))
  else throwFirst(failures)
}

/** Runs every part, as `collectEach`: a failure in one part does not hide the others. */
export function collectParts(...parts: readonly (() => void)[]): void {
  collectEach(parts, (part) => part())
}

/** As `collectEach` for asynchronous work, one item after another. */
export async function collectEachAsync<T>(items: Iterable<T>, collect: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = []
  for (const item of items) {
    try {
      await collect(item)
    } catch (error) {
      failures.push(error)
    }
  }
  throwFirst(failures)
}

/**
 * Yields the result of `parse` for each item and skips undefined. A failure in one item does not hide the
 * others: the first failure is thrown after the last item.
 */
export function* parseEach<T, Parsed>(items: Iterable<T>, parse: (item: T) => Parsed | undefined): Generator<Parsed> {
  const failures: unknown[] = []
  for (const item of items) {
    let parsed: Parsed | undefined
    try {
      parsed = parse(item)
    } catch (error) {
      failures.push(error)
    }
    if (parsed !== undefined) yield parsed
  }
  throwFirst(failures)
}

function throwFirst(failures: readonly unknown[]): void {
  if (failures.length > 0) throw failures.find((failure) => !(failure instanceof NoData)) ?? failures[0]
}

/** Adds a sample. A value of `undefined` is dropped, so a collector need not check whether the kernel provides it. */
export interface Emit {
  (family: Family<never>, value: number | undefined): void
  <Label extends string>(family: Family<Label>, value: number | undefined, labels: Labels<NoInfer<Label>>): void
}

interface Kinds {
  readonly pattern: Pattern
  readonly boolean: boolean
  readonly text: string
  readonly number: number
  /** Milliseconds; written as `5s`, `1m30s`, `100ms`. */
  readonly duration: number
  /** A repeatable flag. */
  readonly list: readonly string[]
}

export interface Option<Kind extends keyof Kinds = keyof Kinds> {
  readonly kind: Kind
  /** The default, in the form of the command line. */
  readonly fallback: string | boolean | readonly string[]
  readonly help: string
  /** Not listed in the help and the docs; for deprecated names. */
  readonly hidden?: boolean
  /** The flag's name after `--collector.`; default: `NAME.KEY`. */
  readonly flag?: string
  /** The environment variable that overrides the default. */
  readonly env?: string
}

/** A key of an object in an `ObjectList` that must be set: it has no default. */
export interface RequiredField<Kind extends keyof Kinds = keyof Kinds> {
  readonly kind: Kind
  readonly fallback?: undefined
  readonly help: string
}

/** The keys of such an object. `flag` and `env` of an option have no meaning here. */
export interface ObjectFields {
  readonly [field: string]: Option | RequiredField | ObjectList<ObjectFields>
}

/** A list of objects with these keys, `collectors.NAME.KEY` in the configuration file. It has no flag. Empty by default. */
export interface ObjectList<Fields extends ObjectFields = ObjectFields> {
  readonly kind: 'objects'
  readonly fields: Fields
  readonly help: string
}

/** The options of a collector by key: the flag `--collector.NAME.KEY`, and `collectors.NAME.KEY` in the configuration. */
export type Options = Readonly<Record<string, Option | ObjectList>>

type Value<Field> =
  Field extends ObjectList<infer Fields>
    ? readonly Values<Fields>[]
    : Field extends { readonly kind: infer Kind extends keyof Kinds }
      ? Kinds[Kind]
      : never

export type Values<Fields extends ObjectFields> = { readonly [Key in keyof Fields]: Value<Fields[Key]> }

type Extra = Pick<Option, 'hidden' | 'flag' | 'env'>
const option =
  <Kind extends keyof Kinds>(kind: Kind) =>
  (fallback: Option['fallback'], help: string, extra: Extra = {}): Option<Kind> => ({ kind, fallback, help, ...extra })

export const pattern = option('pattern')
export const boolean = option('boolean')
export const text = option('text')
export const number = option('number')
export const duration = option('duration')
export const list = option('list')

export const required = <Kind extends keyof Kinds>(kind: Kind, help: string): RequiredField<Kind> => ({ kind, help })

export const objects = <const Fields extends ObjectFields>(help: string, fields: Fields): ObjectList<Fields> => ({
  kind: 'objects',
  fields,
  help,
})

/**
 * Everything that a collector may access. `Host` (host/open.ts) documents `proc`, `sys` and the rest of the host; `Dir`
 * (host/fs/dir.ts) documents the methods that read files.
 */
export interface Context<O extends Options = Options, State = unknown> extends Host {
  readonly emit: Emit
  /** Milliseconds since the epoch: the snapshot's timestamp. */
  readonly now: number
  readonly options: Values<O>
  readonly state: State
  /** The filter for network interfaces that all collectors share, in addition to their own filters. */
  readonly interfaces: Filter
  /** Reports a problem with a part of the input while the rest is collected. Logged when the problem changes. */
  readonly warn: (text: string) => void
  /** Aborts at the deadline of this collector. */
  readonly signal: AbortSignal
}

export interface Collector {
  readonly name: string
  /** Description for docs/collectors.md: one sentence for the metrics, one for the files that the collector reads. */
  readonly about: string
  readonly enabled: boolean
  /** Deprecated in node_exporter. */
  readonly deprecated: boolean
  readonly options: Options
  readonly state: (options: Values<Options>) => unknown
  /** Time limit of this collector, from its start, if it ends earlier than the deadline of the whole collection. */
  readonly timeoutMs: (options: Values<Options>) => number | undefined
  /**
   * Files of sysfs that hardware or firmware answers, as patterns with `*`; empty for most collectors. Such a file can be
   * slow or never answer. Where one exists, the collector runs in a helper process until its files have proved fast. It
   * must then be synchronous, and it must not use `interfaces`.
   */
  readonly hardware: readonly string[]
  /** Synchronous unless a call in it can hang. Throws NoData, or any other error for a failure; emitted samples are kept. */
  readonly collect: (context: Context) => void | Promise<void>
}

interface Definition<O extends Options, State> {
  readonly name: string
  readonly about: string
  readonly enabled?: boolean
  readonly deprecated?: boolean
  readonly options?: O
  /** Created once for each agent; kept from one interval to the next. */
  readonly state?: (options: Values<O>) => State
  readonly timeoutMs?: number | ((options: Values<O>) => number | undefined)
  readonly hardware?: readonly string[]
  readonly collect: (context: Context<O, State>) => void | Promise<void>
}

export function collector<const O extends Options = Record<never, never>, State = undefined>(
  definition: Definition<O, State>,
): Collector {
  const { timeoutMs } = definition
  // The agent passes each collector the values of its options and its state: they have the types of the definition.
  return {
    enabled: true,
    deprecated: false,
    options: {},
    hardware: [],
    state: () => undefined,
    ...definition,
    timeoutMs: typeof timeoutMs === 'function' ? timeoutMs : () => timeoutMs,
  } as unknown as Collector
}
