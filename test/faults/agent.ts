/**
 * The agent of the fault tests: `agent.ts CONFIG LEDGER [HURRY]`. It is the real agent with two replacements: its
 * collector emits numbers that judge.ts can check, and its file system writes the ledger. It sleeps at most HURRY
 * milliseconds at a time, which shortens retries.
 */
import { createAgent } from '../../src/agent.ts'
import { diskIn } from '../../src/buffer/disk/filesystem.ts'
import { readConfig } from '../../src/config/index.ts'
import { connect } from '../../src/http/transport/connection.ts'
import { type Clock, systemClock } from '../../src/util/clock.ts'
import { createLog } from '../../src/util/log.ts'
import { outputKinds } from '../support/outputs.ts'
import { ledgered } from './ledger.ts'
import { numbers } from './numbers.ts'

const [, , file = '', ledger = '', hurry = 'Infinity'] = process.argv
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
const clock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, Number(hurry)), signal),
  timer: (ms, ring) => systemClock.timer(Math.min(ms, Number(hurry)), ring),
}
const flags = new Map([['config.file', file]])
const config = await readConfig({ flags, environment: {}, collectors: [numbers], outputKinds })
const log = createLog(config.log.level, 'logfmt', (line) => process.stderr.write(line), Date.now)
const files = ledgered(diskIn(config.buffer.directory), ledger)
const agent = await createAgent(config, { clock, log, connect, files })
process.stdout.write('running\n')
const left = (await agent.run(stop.signal)).reduce((sum, { snapshots }) => sum + snapshots, 0)
process.stdout.write(`stopped, ${left} left\n`)
files.close()
