import type { OutputDefaults, OutputKind } from '../../output.ts'
import { blocksOf, type Shape } from '../schema/schema.ts'
import { milliseconds } from '../schema/units.ts'

/** How often an output gets a snapshot whose block does not say. */
const defaultInterval = '15s'

interface Decided {
  readonly interval: string
  readonly job: string
  /** What was decided for the user and why, in words. */
  readonly decisions: readonly string[]
}

/** How often to collect, and the job: where the file does not say, what the only output prefers. */
export function outputDefaults(file: Shape, kinds: readonly OutputKind[]): Decided {
  const { interval, job } = onlyOutput(file, kinds)
  const givenJob = file.job ?? file.global?.external_labels?.['job']
  const givenInterval = file.global?.scrape_interval
  const takesInterval = interval !== undefined && givenInterval === undefined
  const takesJob = job !== undefined && givenJob === undefined
  return {
    interval: givenInterval ?? (takesInterval ? interval.value : minInterval(file, kinds)),
    job: givenJob ?? job?.value ?? 'node',
    decisions: [
      ...(takesInterval ? [`${interval.reason}; global.scrape_interval changes that`] : []),
      ...(takesJob ? [`${job.reason}; the key job changes that`] : []),
    ],
  }
}

/** What the only output prefers; of several none decides for all. */
function onlyOutput(file: Shape, kinds: readonly OutputKind[]): OutputDefaults {
  const all = kinds.flatMap((kind) => blocksOf(file, kind).map((block) => ({ kind, block })))
  const [first, ...others] = all
  return others.length > 0 ? {} : (first?.kind.defaults?.(first.block as never) ?? {})
}

/** As often as the output that wants snapshots most often. */
function minInterval(file: Shape, kinds: readonly OutputKind[]): string {
  const wanted = kinds.flatMap((kind) => blocksOf(file, kind).map(({ interval = defaultInterval }) => interval))
  return wanted.toSorted((left, right) => milliseconds(left, 0) - milliseconds(right, 0))[0] ?? defaultInterval
}
