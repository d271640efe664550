import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Receiver, ReceiverOptions } from '../../src/demo-receiver/receiver.ts'
import { createFaultyReceiver, type FaultScript } from '../support/faulty-receiver.ts'
import { type Running, start, temporary } from '../support/servers.ts'
import { type Durable, judge, type Verdict } from './judge.ts'
import { readLedger } from './ledger.ts'

/** Set by scripts/faults.ts. */
export const isShort = process.env['FAULTS'] !== 'full'

/** An agent's surroundings: a directory for its buffer, its ledger, and a receiver that behaves as it is told. */
export interface Rig {
  readonly folder: string
  readonly receiver: Receiver
  /** What the receiver does with each request from now on; undefined for nothing out of the ordinary. */
  behave(how: FaultScript): void
  /** Writes the configuration of the next start: what is not named is as before. */
  configure(changes: object): void
  /** Starts the agent; resolves when it is running. */
  agent(more?: Start): Promise<Running>
  /** Ends the agent without a word of warning. */
  kill(agent: Running): Promise<void>
  /** Ends the agent as a service manager does it. */
  stop(agent: Running): Promise<void>
  durable(): readonly Durable[]
  /** Waits until the receiver has all but the newest snapshots. */
  caughtUp(ms: number): Promise<void>
  /** Lets the agent catch up, stops it, and judges; `elsewhere` counts what another receiver has not got. */
  finish(agent: Running, elsewhere?: () => Promise<number>): Promise<Verdict>
}

interface Start {
  /** The agent never sleeps longer. */
  readonly hurryMs?: number
  /** A command that is given the agent's and becomes it. */
  readonly inside?: readonly string[]
}

interface Config {
  readonly remote_write: readonly object[]
  readonly [key: string]: unknown
}

interface Setting {
  readonly intervalMs?: number
  /** The directory of the buffer; one that goes with the test where none is named. */
  readonly directory?: string
  readonly receiver?: Partial<ReceiverOptions>
}

export async function rig(t: TestContext, { intervalMs = 25, directory, receiver: more }: Setting = {}): Promise<Rig> {
  const folder = temporary(t)
  let behave: FaultScript = () => undefined
  const receiver = await createFaultyReceiver({
    ledger: true,
    faultPlan: (number, headers) => behave(number, headers),
    ...more,
  })
  t.after(() => receiver.close())
  let config: Config = {
    global: { scrape_interval: `${intervalMs}ms` },
    job: 'faults',
    instance: 'one',
    remote_write: [patient(receiver.url)],
    buffer: { directory: directory ?? join(folder, 'buffer'), min_free: '0' },
    web: { listen_address: [] },
    flush_timeout: '5s',
  }
  const file = join(folder, 'config.json')
  const ledger = join(folder, 'ledger')
  const durable = () => readLedger(ledger)
  const caughtUp = async (ms: number) => {
    const nearly = () => (receiver.ledger.at(-1)?.timestampMs ?? 0) >= (durable().at(-20)?.timestampMs ?? 0)
    for (const begun = Date.now(); Date.now() - begun < ms && !nearly(); ) await sleep(50)
  }
  const begin = async ({ hurryMs = Number.POSITIVE_INFINITY, inside = [] }: Start = {}) => {
    writeFileSync(file, JSON.stringify(config))
    const path = join(import.meta.dirname, 'agent.ts')
    const [first = '', ...rest] = [...inside, process.execPath, path, file, ledger, String(hurryMs)]
    const agent = start(t, first, rest)
    await agent.until(/running/)
    return agent
  }
  const stop = async (agent: Running) => {
    agent.child.kill('SIGTERM')
    await agent.ended
  }
  return {
    folder,
    receiver,
    behave: (how) => {
      behave = how
    },
    configure: (changes) => {
      config = { ...config, ...changes }
    },
    agent: begin,
    async kill(agent) {
      agent.child.kill('SIGKILL')
      await agent.ended
    },
    stop,
    durable,
    caughtUp,
    async finish(agent, elsewhere = async () => 0) {
      const ms = 30_000
      await caughtUp(ms)
      await stop(agent)
      const isWhole = async () => judge(durable(), receiver.ledger).missing === 0 && (await elsewhere()) === 0
      // a host with little time to spare collects faster than it sends: another start takes up what is left
      for (let more = 0; more < 3 && !(await isWhole()); more++) {
        const remote_write = config.remote_write.map((block) => ({ ...block, remote_timeout: '10s' }))
        config = { ...config, global: { scrape_interval: '1s' }, remote_write }
        const next = await begin()
        await caughtUp(ms)
        await stop(next)
      }
      return judge(durable(), receiver.ledger)
    },
  }
}

/** An endpoint that is quick to try again and catches up without consideration. */
export const patient = (url: string, more: object = {}) => ({
  url: `${url}/api/v1/write`,
  remote_timeout: '200ms',
  queue_config: { min_backoff: '5ms', max_backoff: '50ms', max_samples_per_send: 500, pacing: 'off' },
  metadata_config: { send: false },
  ...more,
})
