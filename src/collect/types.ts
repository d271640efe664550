import type { Collector, Options, Values } from '../collector.ts'

/** An enabled collector and its options. */
export interface EnabledCollector {
  readonly collector: Collector
  readonly options: Values<Options>
}

/** Limits of one collection for collectors in a helper process. */
export interface CycleLimits {
  /** The process is ending: a second is enough. */
  readonly stop?: AbortSignal | undefined
  /** Time until the next collection should begin, if that is shorter than the interval; milliseconds. */
  readonly withinMs?: number | undefined
}
