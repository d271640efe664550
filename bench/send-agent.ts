/** The agent with a collector of synthetic series: `send-agent.ts SERIES CONFIG`. Everything else is the real agent. */
import { createAgent } from '../src/agent.ts'
import { readConfig } from '../src/config/index.ts'
import { connect } from '../src/http/transport/connection.ts'
import { systemClock } from '../src/util/clock.ts'
import { createLog } from '../src/util/log.ts'
import { outputKinds } from '../test/support/outputs.ts'
import { syntheticCollector } from './synthetic-series.ts'

const [, , series = '', file = ''] = process.argv
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
const flags = new Map([['config.file', file]])
const collectors = [syntheticCollector(Number(series))]
const config = await readConfig({ flags, environment: {}, collectors, outputKinds })
const log = createLog('info', 'logfmt', (line) => process.stderr.write(line), Date.now)
const agent = await createAgent(config, { clock: systemClock, log, connect })
await agent.run(stop.signal)
