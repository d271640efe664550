import type { Limits, MimirOptions } from '../../test/support/mimir.ts'
import type { Kind } from './receivers.ts'
import { clashing, longLabels, type Scene } from './scene.ts'

/** A host and its receiver without any fault. */
export interface Profile {
  /** Name and version of the receiver. */
  readonly receiver: string
  /** Series that it collects. */
  readonly series: number
  /** Bytes of its longest label value. */
  readonly longestLabel: number
}

/** One fault. */
export interface Row {
  readonly name: string
  readonly title: string
  /** Receivers that can have this fault. */
  readonly on: readonly Kind[]
  readonly mimir?: MimirOptions
  /** Limits of every tenant before the agents start. */
  readonly limits?: (profile: Profile) => Limits
  /** A second agent has the same labels, apart from the replica. */
  readonly clone?: 'same labels' | 'HA replica'
  /** Before the agents start. */
  readonly prepare?: (scene: Scene) => Promise<void>
  readonly run: (scene: Scene, profile: Profile) => Promise<void>
}

const all: readonly Kind[] = ['mimir', 'prometheus', 'prometheus3', 'victoria-metrics']
const mimir: readonly Kind[] = ['mimir']

/** No 429 at the rate of the rows: 300 metadata items a request at remote-write 2.0, with live data and a backlog. */
const enough = { ingestion_rate: 100_000, ingestion_burst_size: 200_000 }

/** From the start of the agents: the series are at the receiver, or refused. */
const begin = (scene: Scene) => scene.wait(5)

/** The receiver is unreachable. */
async function away(scene: Scene, seconds: number): Promise<void> {
  await scene.each(({ gate }) => gate.close())
  await scene.wait(seconds)
}

export const rows: readonly Row[] = [
  {
    name: 'none',
    title: 'no fault',
    on: all,
    async run(scene) {
      await begin(scene)
      await scene.watch(10)
    },
  },
  {
    name: 'series-6',
    title: 'series limit, 6 over',
    on: mimir,
    limits: ({ series }) => ({ max_global_series_per_user: series - 6 }),
    async run(scene) {
      await begin(scene)
      await scene.watch(25)
    },
  },
  {
    name: 'series-164',
    title: 'series limit, 164 over',
    on: mimir,
    limits: ({ series }) => ({ max_global_series_per_user: series - 164 }),
    async run(scene) {
      await begin(scene)
      await scene.watch(25)
    },
  },
  {
    name: 'label-names',
    title: 'at most 5 labels',
    on: mimir,
    limits: () => ({ max_label_names_per_series: 5 }),
    async run(scene) {
      await begin(scene)
      await scene.watch(25)
    },
  },
  {
    name: 'label-values-2',
    title: 'two series with a label value that is too long',
    on: mimir,
    limits: ({ longestLabel }) => ({ max_label_value_length: longestLabel }),
    async run(scene, { longestLabel }) {
      await begin(scene)
      await scene.each((host) => host.writeText(longLabels(longestLabel + 20)))
      await scene.wait(3)
      await scene.watch(20)
    },
  },
  {
    name: 'label-values-many',
    title: 'at most 30 bytes in a label value, nearly half of the series have more',
    on: mimir,
    limits: () => ({ max_label_value_length: 30 }),
    async run(scene) {
      await begin(scene)
      await scene.watch(25)
    },
  },
  {
    name: 'burst-catch-up',
    title: 'burst size below a catch-up request (2000 items)',
    on: mimir,
    limits: () => ({ ingestion_rate: 5000, ingestion_burst_size: 2000 }),
    async run(scene) {
      await begin(scene)
      await away(scene, 12)
      await scene.each(({ gate }) => gate.open())
      await scene.wait(25)
      await scene.watch(10)
    },
  },
  {
    name: 'burst-snapshot',
    title: 'burst size below one snapshot (400 items)',
    on: mimir,
    limits: () => ({ ingestion_rate: 5000, ingestion_burst_size: 400 }),
    async run(scene) {
      await begin(scene)
      await scene.wait(15)
      await scene.watch(15)
    },
  },
  {
    name: 'message-size',
    title: 'message size below one snapshot (20 kB)',
    on: mimir,
    mimir: { distributor: { max_recv_msg_size: 20_000 } },
    async run(scene) {
      await begin(scene)
      await scene.wait(15)
      await scene.watch(15)
    },
  },
  {
    name: '429-two',
    title: '429, then a catch-up with two series with a label value that is too long',
    on: mimir,
    limits: ({ longestLabel }) => ({
      ...{ ingestion_rate: 2000, ingestion_burst_size: 2000 },
      max_label_value_length: longestLabel,
    }),
    async run(scene, { longestLabel }) {
      await begin(scene)
      await scene.limit({ ingestion_rate: 1, ingestion_burst_size: 200_000 })
      await scene.wait(6)
      await scene.each((host) => host.writeText(longLabels(longestLabel + 20)))
      await scene.wait(8)
      await scene.limit(enough)
      await scene.wait(20)
      await scene.watch(10)
    },
  },
  {
    name: '429-clash',
    title: '429, then a catch-up with two series that another sender has written ahead',
    on: all,
    limits: () => enough,
    prepare: (scene) => scene.sendAhead(2),
    async run(scene) {
      await begin(scene)
      await scene.each(({ gate }) => gate.answer(429, 'slow down'))
      await scene.wait(6)
      await scene.each((host) => host.writeText(clashing(2)))
      await scene.wait(8)
      await scene.each(({ gate }) => gate.open())
      await scene.wait(20)
      await scene.watch(10)
    },
  },
  {
    name: 'clash-many',
    title: '200 series that another sender has written ahead',
    on: all,
    limits: () => enough,
    prepare: async (scene) => {
      await scene.sendAhead(200)
      await scene.each((host) => host.writeText(clashing(200)))
    },
    async run(scene) {
      await begin(scene)
      await scene.watch(25)
    },
  },
  {
    name: 'limit-raised',
    title: 'series limit, 6 over; raised after 15 s',
    on: mimir,
    limits: ({ series }) => ({ max_global_series_per_user: series - 6 }),
    async run(scene) {
      await begin(scene)
      await scene.wait(10)
      await scene.limit({ max_global_series_per_user: 0 })
      await scene.wait(20)
      await scene.watch(25)
    },
  },
  {
    name: 'limit-raised-reload',
    title: 'as before, and a SIGHUP after the limit was raised',
    on: mimir,
    limits: ({ series }) => ({ max_global_series_per_user: series - 6 }),
    async run(scene) {
      await begin(scene)
      await scene.wait(10)
      await scene.limit({ max_global_series_per_user: 0 })
      await scene.each((host) => host.reload())
      await scene.wait(10)
      await scene.watch(15)
    },
  },
  {
    name: 'outage',
    title: 'receiver killed for 10 s',
    on: all,
    limits: () => enough,
    async run(scene) {
      await begin(scene)
      await scene.each(({ gate }) => gate.close())
      await scene.kill(0)
      await scene.wait(10)
      await scene.restart(0)
      await scene.each(({ gate }) => gate.open())
      await scene.wait(15)
      await scene.watch(10)
    },
  },
  {
    name: 'ingesters-1',
    title: 'one of three ingesters killed for 12 s',
    on: mimir,
    mimir: { instances: 3 },
    limits: () => enough,
    async run(scene) {
      await begin(scene)
      await scene.kill(2)
      await scene.watch(12)
      await scene.restart(2)
      await scene.watch(12)
    },
  },
  {
    name: 'ingesters-2',
    title: 'two of three ingesters killed for 12 s',
    on: mimir,
    mimir: { instances: 3 },
    limits: () => enough,
    async run(scene) {
      await begin(scene)
      await scene.kill(1, 2)
      await scene.wait(12)
      await scene.restart(1, 2)
      await scene.wait(25)
      await scene.watch(10)
    },
  },
  {
    name: 'ingesters-2-catch-up',
    title: 'two of three ingesters killed during a catch-up: a request of many snapshots gets 500 and is stored once',
    on: mimir,
    mimir: { instances: 3 },
    limits: () => enough,
    async run(scene) {
      await begin(scene)
      await away(scene, 8)
      await scene.each(async ({ gate }) => (await gate.admit(1)).closed()) // then the range in flight has many snapshots
      await scene.wait(4)
      await scene.kill(1, 2)
      await scene.each(({ gate }) => gate.open())
      await scene.wait(10)
      await scene.restart(1, 2)
      await scene.wait(25)
      await scene.watch(10)
    },
  },
  {
    name: 'ha',
    title: 'HA tracker: two replicas, the first is elected',
    on: mimir,
    mimir: { haTracker: true },
    limits: () => ({ accept_ha_samples: true }),
    clone: 'HA replica',
    async run(scene) {
      await begin(scene)
      await scene.watch(20)
    },
  },
  {
    name: 'clones',
    title: 'two hosts with the same labels',
    on: all,
    limits: () => enough,
    clone: 'same labels',
    async run(scene) {
      await begin(scene)
      await scene.watch(25)
    },
  },
]
