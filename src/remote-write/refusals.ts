import type { Cursor, Entry } from '../buffer/buffer.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Series } from '../metrics/series.ts'
import { Exclusions } from './exclusions.ts'
import type { Range, Without } from './range.ts'
import type { Relabelling } from './relabelling.ts'
import type { EndpointStats } from './stats.ts'
import type { Suspect } from './trial.ts'

interface Needs {
  readonly clock: Clock
  readonly log: Log
  readonly cursor: Cursor
  readonly relabelling: Relabelling
  readonly stats: EndpointStats
  readonly about: Readonly<Record<string, string>>
  readonly ageLimitMs: number
}

/** What the receiver will not have: counted, set aside with its words, and for a while not sent again. */
export class Refusals {
  readonly #needs: Needs
  readonly #exclusions = new Exclusions()
  /** Snapshots are being refused as a whole. */
  #isWhole = false

  constructor(needs: Needs) {
    this.#needs = needs
  }

  /** What of these entries is not even tried. It is counted here. */
  async without(entries: readonly Entry[]): Promise<Without> {
    const { ageLimitMs, clock, cursor, stats } = this.#needs
    const olderThanMs = ageLimitMs === 0 ? Number.NEGATIVE_INFINITY : clock.now() - ageLimitMs
    const series = this.#exclusions.at(clock.monotonicMs())
    const old = entries.filter(({ snapshot }) => snapshot.timestampMs < olderThanMs)
    if (old.length > 0) cursor.drop('too_old', samplesIn(old))
    const young = entries.filter((entry) => !old.includes(entry))
    const samples = series.size === 0 ? 0 : samplesOf(series, young)
    if (samples > 0) {
      stats.samplesFailed += samples
      cursor.drop('rejected', samples)
      await cursor.setAside({ reason: 'left out: the receiver refuses this series', entries: young, series })
    }
    return { series, olderThanMs }
  }

  /** A series is at fault. */
  async series(range: Range, { piece, reason }: Suspect): Promise<void> {
    const { log, clock, about, relabelling } = this.#needs
    const { entries } = range.cut({ ...piece, step: 'send' })
    const [series] = entries.flatMap(({ snapshot }) => snapshot.series)
    if (series !== undefined) this.#exclusions.add(series, clock.monotonicMs())
    const samples = await this.#refuse(entries, reason)
    log.error('remote-write: a series is refused: set aside, tried again in an hour', {
      ...about,
      series: series && Object.fromEntries(relabelling.labels(series)),
      samples,
      reason,
    })
  }

  /** A snapshot is at fault as a whole; said of the first of several. */
  async snapshot(entry: Entry, reason: string): Promise<void> {
    const { log, about } = this.#needs
    const samples = await this.#refuse([entry], reason)
    const fields = { ...about, samples, time: entry.snapshot.timestampMs / 1000, reason }
    if (this.#isWhole) log.debug('remote-write: a snapshot is refused as a whole: set aside', fields)
    else log.error('remote-write: snapshots are refused as a whole: set aside, one by one', fields)
    this.#isWhole = true
  }

  /** Something is taken again. */
  over(): void {
    if (this.#isWhole) this.#needs.log.info('remote-write: snapshots are taken again', this.#needs.about)
    this.#isWhole = false
  }

  async #refuse(entries: readonly Entry[], reason: string): Promise<number> {
    const { cursor, stats } = this.#needs
    const samples = samplesIn(entries)
    stats.samples += samples
    stats.samplesFailed += samples
    cursor.drop('rejected', samples)
    await cursor.setAside({ reason, entries })
    return samples
  }
}

const samplesIn = (entries: readonly Entry[]) => entries.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0)

const samplesOf = (wanted: ReadonlySet<Series>, entries: readonly Entry[]) =>
  entries.reduce((sum, { snapshot }) => sum + snapshot.series.filter((one) => wanted.has(one)).length, 0)
