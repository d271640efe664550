import { setTimeout as sleep } from 'node:timers/promises'
import { family } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { lineTo } from '../../test/e2e/read-back.ts'
import type { Limits } from '../../test/support/mimir.ts'
import type { Owner } from '../../test/support/servers.ts'
import type { Host } from './host.ts'
import type { Target } from './receivers.ts'

/** A family of a text file, with one label. */
const clash = family('gauge', 'clash', 'Series with an older clone.', ['n'])

/** The hosts and receivers of one row. Every variant has its host; a second one has the same labels. */
export class Scene {
  readonly hosts: readonly Host[]
  readonly targets: readonly Target[]
  readonly #owner: Owner

  constructor(owner: Owner, hosts: readonly Host[], targets: readonly Target[]) {
    this.#owner = owner
    this.hosts = hosts
    this.targets = targets
  }

  wait(seconds: number): Promise<void> {
    return sleep(seconds * 1000)
  }

  /** Watches the age of the newest samples. It must be small during this time. */
  async watch(seconds: number): Promise<void> {
    for (const endMs = Date.now() + seconds * 1000; Date.now() < endMs; ) {
      await Promise.all(this.hosts.map((host) => host.watch()))
      await sleep(500)
    }
  }

  async each(action: (host: Host) => unknown): Promise<void> {
    await Promise.all(this.hosts.map(action))
  }

  /** Changes limits of every tenant. */
  async limit(limits: Limits): Promise<void> {
    for (const { target, tenant } of this.hosts) await target.limit(tenant, limits)
  }

  /** Kills these processes of the receivers. */
  async kill(...indexes: readonly number[]): Promise<void> {
    for (const { processes } of this.targets) for (const index of indexes) await processes?.kill(index)
  }

  async restart(...indexes: readonly number[]): Promise<void> {
    for (const { processes } of this.targets) await Promise.all(indexes.map((index) => processes?.restart(index)))
  }

  /**
   * Another sender writes series with the labels of each host nine minutes ahead. A receiver without an out-of-order
   * window then refuses these series of the host.
   */
  async sendAhead(count: number): Promise<void> {
    await this.each(async ({ gate, tenant }) => {
      const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance: tenant }))
      builder.begin()
      for (let n = 0; n < count; n++) builder.add(clash, 0, { n: String(n) })
      const { send } = await lineTo(this.#owner, gate.url, {
        protobufMessage: 'prometheus.WriteRequest',
        metadataIntervalMs: 0,
        headers: () => ({ 'X-Scope-OrgID': tenant }),
      })
      await send([builder.end(Date.now() + 540_000)])
      gate.answers.clear()
    })
  }
}

/** A text file with the series that `sendAhead` wrote. */
export const clashing = (count: number): string =>
  `# TYPE clash gauge\n${Array.from({ length: count }, (_, n) => `clash{n="${n}"} 1\n`).join('')}`

/** A text file with two series with a label value of this length. */
export const longLabels = (length: number): string =>
  `# TYPE long gauge\n${['a', 'b'].map((first) => `long{v="${first.padEnd(length, 'x')}"} 1\n`).join('')}`
