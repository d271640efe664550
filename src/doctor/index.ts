import type { HardwareProtection } from '../collect/index.ts'
import type { Config } from '../config/index.ts'
import { connect } from '../http/index.ts'
import { addressesOf, componentOf, haveBacklog, type OutputKind } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import { plural } from '../util/plural.ts'
import { durationText } from '../util/quantity.ts'
import { checkAgent } from './agent-status.ts'
import { checkCollectors } from './collectors.ts'
import { checkDirectory } from './directory.ts'
import { type Finding, ok, warn } from './finding.ts'
import { checkLimits } from './limits.ts'
import { checkOutput } from './output.ts'

export { fail, reportOf, warn } from './finding.ts'
export type { Finding }

/** Tests everything between this host and its receivers. Outputs are tested concurrently: one that hangs does not delay others. */
export async function diagnose(
  config: Config,
  kinds: readonly OutputKind[],
  protection?: HardwareProtection,
): Promise<readonly Finding[]> {
  const deps = { clock: systemClock, connect }
  const addresses = addressesOf(config.outputs)
  const outputs = config.outputs.map((one) => checkOutput(one, addresses, deps))
  const agent = checkAgent(config.buffer, systemClock, { componentOf: componentOf(kinds), addresses })
  const collectors = checkCollectors(config, { clock: systemClock, protection })
  const limits = await checkLimits(config, addresses, { clock: systemClock, protection })
  const ofOutputs = (await Promise.all(outputs)).flat()
  return [
    configuration(config, kinds),
    ...config.warnings.map((warning) => warn('configuration', warning)),
    ...(await collectors),
    ...(haveBacklog(config.outputs) ? [checkDirectory(config.buffer), ...withDead(await agent, ofOutputs)] : []),
    ...ofOutputs,
    ...limits,
  ]
}

/** The backlog of an endpoint that cannot be reached is not in order, even if it is still small. */
function withDead(agent: readonly Finding[], outputs: readonly Finding[]): readonly Finding[] {
  const dead = new Set(outputs.flatMap(({ level, endpoint }) => (level === 'fail' && endpoint ? [endpoint] : [])))
  return agent.map((one) => {
    if (one.level !== 'ok' || one.endpoint === undefined || !dead.has(one.endpoint)) return one
    return { ...one, level: 'warn', text: `${one.text}; it grows until the endpoint can be reached` }
  })
}

function configuration({ outputs, intervalMs, decisions }: Config, kinds: readonly OutputKind[]): Finding {
  const words = decisions.map((decision) => `; ${decision}`).join('')
  const text = `valid: collects every ${durationText(intervalMs)}, pushes to ${plural(outputs.length, 'output')}${words}`
  if (outputs.length > 0) return ok('configuration', text)
  const keys = kinds.map(({ kind }) => kind).join(' or ')
  return warn(
    'configuration',
    'valid, but nothing is pushed: no output is configured',
    `add ${keys} to the file of --config.file`,
  )
}
