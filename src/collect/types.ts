import type { Collector, Options, Values } from '../collector.ts'

/** An enabled collector and its options. */
export interface EnabledCollector {
  readonly collector: Collector
  readonly options: Values<Options>
}
