import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Collector, collector } from '../src/collector.ts'
import { textOf } from '../src/metrics/exposition/write.ts'
import { counter, type Family, gauge, type Labels } from '../src/metrics/family.ts'
import { SeriesTable } from '../src/metrics/series.ts'
import { SnapshotBuilder } from '../src/metrics/snapshot.ts'

/** Series of one family. */
const familySize = 24
const modes = ['idle', 'read', 'write'] as const

/** Series as a host exporter has them: 24 in a family, with two labels each. */
export class SyntheticSeries {
  readonly #series: readonly (readonly [family: Family<'device' | 'mode'>, labels: Labels<'device' | 'mode'>])[]
  readonly #values: Float64Array

  constructor(series: number) {
    const families = Array.from({ length: Math.ceil(series / familySize) }, (_, i) =>
      i % 2 === 0
        ? counter(`node_bench_${i}_total`, `Synthetic counter ${i}.`, ['device', 'mode'])
        : gauge(`node_bench_${i}`, `Synthetic gauge ${i}.`, ['device', 'mode']),
    )
    this.#series = Array.from({ length: series }, (_, i) => {
      const family = families[Math.floor(i / familySize)] as Family<'device' | 'mode'>
      const labels = { device: `dev${Math.floor((i % familySize) / modes.length)}`, mode: modes[i % 3] ?? 'idle' }
      return [family, labels] as const
    })
    this.#values = Float64Array.from({ length: series }, () => Math.floor(Math.random() * 1e9))
  }

  /** The next values: more than half stay constant, most others grow by small integers. */
  *next(): Generator<readonly [family: Family<'device' | 'mode'>, value: number, labels: Labels<'device' | 'mode'>]> {
    for (const [i, [family, labels]] of this.#series.entries()) {
      const value = this.#values[i] as number // one value for each series
      const grown = i % 5 === 3 ? value + Math.floor(Math.random() * 1000) : i % 5 === 4 ? value + Math.random() : value
      this.#values[i] = grown
      yield [family, grown, labels]
    }
  }
}

/** A collector that emits synthetic series. */
export function syntheticCollector(series: number): Collector {
  const source = new SyntheticSeries(series)
  return collector({
    name: 'page',
    about: 'Reports series with new values for each collection.',
    collect({ emit }) {
      for (const [family, value, labels] of source.next()) emit(family, value, labels)
    },
  })
}

/** Serves synthetic series as text, with the next values in each response. */
export async function serveSyntheticSeries(series: number) {
  const source = new SyntheticSeries(series)
  const builder = new SnapshotBuilder(new SeriesTable())
  const server = createServer((_, answer) => {
    builder.begin()
    for (const [family, value, labels] of source.next()) builder.add(family, value, labels)
    answer.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(textOf(builder.end(0)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
