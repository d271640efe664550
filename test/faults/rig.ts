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

/** The environment of an agent: buffer directory, ledger, and a receiver with configurable behaviour. */
export interface Rig {
  readonly folder: string
  readonly receiver: Receiver
  /** Sets the behaviour of the receiver; undefined for the normal one. */
  behave(how: FaultScript): void
  /** Writes the configuration for the next start. Keys that are not given stay unchanged. */
  configure(changes: object): void
  /** Starts the agent. Resolves when it runs. */
  agent(more?: Start): Promise<Running>
  /** Kills the agent with SIGKILL. */
  kill(agent: Running): Promise<void>
  /** Stops the agent with SIGTERM. */
  stop(agent: Running): Promise<void>
  durable(): readonly Durable[]
  /** Waits until the receiver has all snapshots except the newest ones. */
  caughtUp(ms: number): Promise<void>
  /** Lets the agent catch up, stops it, and compares. `elsewhere` returns the missing samples of another receiver. */
  finish(agent: Running, elsewhere?: () => Promise<number>): Promise<Verdict>
}

interface Start {
  /** Maximum sleep of the agent. */
  readonly hurryMs?: number
  /** A wrapper command that executes the agent's command. */
  readonly inside?: readonly string[]
}

interface Config {
  readonly remote_write: readonly object[]
  readonly [key: string]: unknown
}

interface Setting {
  readonly intervalMs?: number
  /** The buffer directory. Default: a temporary directory of the test. */
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
    for (const startMs = Date.now(); Date.now() - startMs < ms && !nearly(); ) await sleep(50)
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
      // a busy host collects faster than it sends: another start delivers the backlog
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

/** An endpoint with short retries and without pacing during a catch-up. */
export const patient = (url: string, more: object = {}) => ({
  url: `${url}/api/v1/write`,
  remote_timeout: '200ms',
  queue_config: { min_backoff: '5ms', max_backoff: '50ms', max_samples_per_send: 500, pacing: 'off' },
  metadata_config: { send: false },
  ...more,
})
