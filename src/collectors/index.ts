import type { Collector } from '../collector.ts'
import loadavg from './loadavg.ts'
import meminfo from './meminfo.ts'

/** Every collector, by name. A line here is the registration. */
export const collectors: readonly Collector[] = [loadavg, meminfo]
