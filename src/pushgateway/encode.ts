import { byCodeUnit, formatValue, type Identity, layoutOf, type Series, type Snapshot } from '../metrics/index.ts'

import type { GatewayOptions } from './options.ts'

/** A metric family in the text format. */
export interface FamilyText {
  readonly name: string
  readonly samples: number
  readonly text: string
}

export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

/** Scrape metrics, which are not pushed: a Pushgateway would show `up` 1 even when the host is down. */
const scrapeMetrics = new Set(
  `up scrape_duration_seconds scrape_samples_scraped scrape_samples_post_metric_relabeling scrape_series_added`.split(
    ' ',
  ),
)

/**
 * Encodes snapshots in the text format, without timestamps because a Pushgateway rejects them. The Pushgateway adds the
 * labels of the grouping key; external labels are written with each series. Labels are computed once per series.
 */
export class Encoder {
  readonly #grouped: ReadonlySet<string>
  readonly #excluded: ReadonlySet<string>
  readonly #lists = new WeakMap<readonly Series[], readonly Series[]>()
  readonly #labelled = new WeakMap<Series, Series>()

  constructor({ groupingKey, isWhole = false }: Pick<GatewayOptions, 'groupingKey' | 'isWhole'>) {
    this.#excluded = isWhole ? new Set() : scrapeMetrics
    this.#grouped = new Set(['job', 'instance', ...Object.keys(groupingKey)])
  }

  encode({ series, values }: Snapshot): FamilyText[] {
    return layoutOf(this.#withExternalLabels(series))
      .filter(({ name }) => !this.#excluded.has(name))
      .map(({ name, head, samples }) => {
        let text = head
        for (const { at, prefix } of samples) text += `${prefix} ${formatValue(values[at] as number)}\n`
        return { name, samples: samples.length, text }
      })
  }

  #withExternalLabels(series: readonly Series[]): readonly Series[] {
    let list = this.#lists.get(series)
    if (list === undefined) {
      const labelled = series.map((one) => this.#oneWithExternalLabels(one))
      list = labelled.some((one, i) => one !== series[i]) ? labelled : series
      this.#lists.set(series, list)
    }
    return list
  }

  #oneWithExternalLabels(series: Series): Series {
    let labelled = this.#labelled.get(series)
    if (labelled === undefined) {
      const external = this.#external(series)
      labelled = external.length === 0 ? series : withLabels(series, external)
      this.#labelled.set(series, labelled)
    }
    return labelled
  }

  /** Names of external labels that the series does not have. */
  #external({ family, identity }: Series): (keyof Identity)[] {
    return Object.keys(identity).filter(
      (name) => identity[name] !== '' && !this.#grouped.has(name) && !family.labelNames.includes(name),
    )
  }
}

function withLabels(series: Series, names: readonly string[]): Series {
  const { family, labelValues, identity } = series
  const labels = new Map([
    ...family.labelNames.map((name, i) => [name, labelValues[i] ?? ''] as const),
    ...names.map((name) => [name, identity[name] ?? ''] as const),
  ])
  const labelNames = [...labels.keys()].sort(byCodeUnit)
  return { ...series, family: { ...family, labelNames }, labelValues: labelNames.map((name) => labels.get(name) ?? '') }
}
