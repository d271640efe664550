import { writeFileSync } from 'node:fs'
import { type CollectionResult, createCycle, type EnabledCollector } from '../src/collect/cycle.ts'
import { collectors } from '../src/collectors/index.ts'
import { type Config, configFlags, readConfig } from '../src/config/index.ts'
import { type Host, openHost } from '../src/host/open.ts'
import { SeriesTable } from '../src/metrics/series.ts'
import { SnapshotBuilder } from '../src/metrics/snapshot.ts'
import { systemClock } from '../src/util/clock.ts'
import { parseFlags } from '../src/util/flags.ts'
import { silent } from '../src/util/log.ts'
import { outputKinds } from '../test/support/outputs.ts'
import { agentCommand, type Running, start } from './processes.ts'

/** The configuration of an agent with these flags. */
export async function configOf(flags: readonly string[]): Promise<Config> {
  const parsed = parseFlags(flags, configFlags(collectors)).flags
  return readConfig({ flags: parsed, environment: {}, collectors, outputKinds })
}

/** A collection cycle with these collectors and without self metrics. */
export function cycleOf(
  config: Config,
  host: Host,
  enabled: readonly EnabledCollector[],
): (now: number) => Promise<CollectionResult> {
  return createCycle({
    host,
    enabled,
    interfaces: config.interfaces,
    builder: new SnapshotBuilder(new SeriesTable(config.identity)),
    clock: systemClock,
    log: silent,
    deadlineMs: 10_000,
    selfMetrics: () => {},
  })
}

export const hostOf = (config: Config): Host => openHost(config, systemClock)

interface AgentOptions {
  readonly name: string
  readonly folder: string
  readonly interval: string
  readonly receiver: string
  readonly port: number
}

/**
 * Starts the agent with an endpoint, an interval, an address and a buffer directory; everything else is the default.
 */
export function startAgent({ name, folder, interval, receiver, port }: AgentOptions): Running {
  const file = `${folder}/${name}.json`
  const configuration = {
    global: { scrape_interval: interval },
    job: name,
    remote_write: [{ url: `${receiver}/api/v1/write` }],
    web: { listen_address: [`127.0.0.1:${port}`] },
    buffer: { directory: `${folder}/${name}.buffer` },
  }
  writeFileSync(file, JSON.stringify(configuration))
  const [program, ...args] = agentCommand()
  return start(program, [...args, 'run', `--config.file=${file}`], `${folder}/${name}.log`)
}
