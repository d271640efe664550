import { collectOnce } from '../collect/collector-set.ts'
import type { Config } from '../config/index.ts'
import type { EndpointOptions } from '../remote-write/index.ts'
import { Relabeller } from '../remote-write/series/relabel.ts'
import { createStats } from '../remote-write/stats.ts'
import type { Clock } from '../util/clock.ts'
import { silent } from '../util/log.ts'
import { type Finding, of, ok, warn } from './finding.ts'

/** What each endpoint would get of this host now, beside what its receiver takes of labels. */
export async function checkLimits(config: Config, clock: Clock): Promise<readonly Finding[]> {
  if (config.remoteWrite.length === 0) return []
  const { snapshot } = await collectOnce(config, { clock, log: silent })
  return config.remoteWrite.flatMap((options) => of(options.name, [limitOf(options, snapshot)]))
}

function limitOf(options: EndpointOptions, snapshot: Awaited<ReturnType<typeof collectOnce>>['snapshot']): Finding {
  const stats = createStats()
  const receiver = { remote_name: options.name, url: '' }
  const relabelling = new Relabeller(options, { log: silent, stats, receiver })
  const [sent] = relabelling.entries([{ sequence: 1, snapshot }])
  const series = sent?.snapshot.series ?? []
  const most = series.reduce((widest, one) => Math.max(widest, relabelling.labels(one).length), 0)
  const text = `${series.length} series, at most ${most} labels each`
  const excessive = stats.samplesDropped.get('label_limit') ?? 0
  if (excessive === 0) return ok('series', text)
  const remedy = 'labeldrop or shorten labels in write_relabel_configs; the log of run names one of them'
  return warn('series', `${text}; ${excessive} are over the limits of labels and not sent`, remedy)
}
