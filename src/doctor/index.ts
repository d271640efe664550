import type { Config } from '../config/index.ts'
import { connect } from '../http/index.ts'
import { componentOf, haveBacklog, type OutputKind } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import { plural } from '../util/plural.ts'
import { checkAgent } from './agent-status.ts'
import { checkCollectors } from './collectors.ts'
import { checkDirectory } from './directory.ts'
import { type Finding, ok, warn } from './finding.ts'
import { checkLimits } from './limits.ts'
import { checkOutput } from './output.ts'

export { fail, reportOf } from './finding.ts'
export type { Finding }

/** Everything between this host and its receivers. Outputs are checked at the same time: one that hangs delays none. */
export async function diagnose(config: Config, kinds: readonly OutputKind[]): Promise<readonly Finding[]> {
  const deps = { clock: systemClock, connect }
  const outputs = config.outputs.map((one) => checkOutput(one, deps))
  const agent = checkAgent(config.buffer, systemClock, componentOf(kinds))
  const collectors = checkCollectors(config, systemClock)
  const limits = await checkLimits(config, systemClock)
  return [
    configuration(config, kinds),
    ...config.warnings.map((warning) => warn('configuration', warning)),
    ...(await collectors),
    ...(haveBacklog(config.outputs) ? [checkDirectory(config.buffer), ...(await agent)] : []),
    ...(await Promise.all(outputs)).flat(),
    ...limits,
  ]
}

function configuration({ outputs, intervalMs, decisions }: Config, kinds: readonly OutputKind[]): Finding {
  const words = decisions.map((decision) => `; ${decision}`).join('')
  const text = `good: every ${intervalMs / 1000} s to ${plural(outputs.length, 'output')}${words}`
  if (outputs.length > 0) return ok('configuration', text)
  const keys = kinds.map(({ kind }) => kind).join(' or ')
  return warn('configuration', 'good, but there is nothing to push to', `${keys}, in --config.file`)
}
