import type { Snapshot } from '../metrics/index.ts'
import type { Finding } from '../output.ts'
import { silent } from '../util/log.ts'
import type { EndpointOptions } from './options.ts'
import { Relabeller } from './series/relabel.ts'
import { createStats } from './stats.ts'

/** The number of series that an endpoint sends of a snapshot, and of those over the label limits. `doctor` shows it. */
export function preview(options: EndpointOptions, snapshot: Snapshot): Finding {
  const stats = createStats()
  const receiver = { remote_name: options.name, url: '' }
  const relabeller = new Relabeller(options, { log: silent, stats, receiver })
  const [sent] = relabeller.entries([{ sequence: 1, snapshot }])
  const series = sent?.snapshot.series ?? []
  const most = series.reduce((widest, one) => Math.max(widest, relabeller.labels(one).length), 0)
  const thing = 'series'
  const text = `${series.length} series, at most ${most} labels each`
  const excessive = stats.samplesDropped.get('label_limit') ?? 0
  if (excessive === 0) return { level: 'ok', thing, text }
  return {
    level: 'warn',
    thing,
    text: `${text}; ${excessive} exceed the label limits and are dropped`,
    remedy: 'drop or shorten labels in write_relabel_configs; the log of hostpush run shows one such series',
  }
}
