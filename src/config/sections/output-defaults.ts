import type { OutputDefaults, OutputKind } from '../../output.ts'
import { blocksOf, type Shape } from '../schema/schema.ts'
import { milliseconds } from '../schema/units.ts'

/** The interval of an output without one. */
const defaultInterval = '15s'

interface Decided {
  readonly interval: string
  readonly job: string
  /** The defaults that depend on the output, with the reason. */
  readonly decisions: readonly string[]
}

/** Interval and job: those of the file, or those that the only output prefers. */
export function outputDefaults(file: Shape, kinds: readonly OutputKind[]): Decided {
  const { interval, job } = onlyOutput(file, kinds)
  const givenJob = file.job ?? file.global?.external_labels?.['job']
  const givenInterval = file.global?.scrape_interval
  const usesInterval = interval !== undefined && givenInterval === undefined
  const usesJob = job !== undefined && givenJob === undefined
  return {
    interval: givenInterval ?? (usesInterval ? interval.value : minInterval(file, kinds)),
    job: givenJob ?? job?.value ?? 'node',
    decisions: [
      ...(usesInterval ? [`${interval.reason}; set global.scrape_interval to change it`] : []),
      ...(usesJob ? [`${job.reason}; set job to change it`] : []),
    ],
  }
}

/** The preferences of the only output; none if there are several. */
function onlyOutput(file: Shape, kinds: readonly OutputKind[]): OutputDefaults {
  const all = kinds.flatMap((kind) => blocksOf(file, kind).map((block) => ({ kind, block })))
  const [first, ...others] = all
  return others.length > 0 ? {} : (first?.kind.defaults?.(first.block as never) ?? {})
}

/** The shortest interval of all outputs. */
function minInterval(file: Shape, kinds: readonly OutputKind[]): string {
  const intervals = kinds.flatMap((kind) => blocksOf(file, kind).map(({ interval = defaultInterval }) => interval))
  return intervals.toSorted((left, right) => milliseconds(left, 0) - milliseconds(right, 0))[0] ?? defaultInterval
}
