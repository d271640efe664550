/** The agent with series that are made up: `send-agent.ts SERIES CONFIG`. All but the collector is the real one. */
import { createAgent } from '../src/agent.ts'
import { readConfig } from '../src/config/index.ts'
import { connect } from '../src/http/transport/connection.ts'
import { systemClock } from '../src/util/clock.ts'
import { createLog } from '../src/util/log.ts'
import { outputKinds } from '../test/support/outputs.ts'
import { pageCollector } from './page.ts'

const [, , series = '', file = ''] = process.argv
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
const flags = new Map([['config.file', file]])
const config = await readConfig({ flags, environment: {}, collectors: [pageCollector(Number(series))], outputKinds })
const log = createLog('info', 'logfmt', (line) => process.stderr.write(line), Date.now)
const agent = await createAgent(config, { clock: systemClock, log, connect })
await agent.run(stop.signal)
