import { collectors } from '../collectors/index.ts'
import { ConfigError } from '../config/error.ts'
import { type Config, configFlags, readConfig } from '../config/index.ts'
import { checkAgent } from '../doctor/agent-status.ts'
import { checkCollectors } from '../doctor/collectors.ts'
import { checkDirectory } from '../doctor/directory.ts'
import { type Finding, fail, ok, reportOf, warn } from '../doctor/finding.ts'
import { checkLimits } from '../doctor/limits.ts'
import { checkOutput } from '../doctor/output.ts'
import { connect } from '../http/transport/connection.ts'
import { componentOf, haveBacklog, loadKinds, type OutputKind } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import { type ParsedFlags, UsageError } from '../util/flags.ts'
import { plural } from '../util/plural.ts'
import type { Command, Terminal } from './command.ts'
import { kindNames } from './destination.ts'

const formats = ['text', 'json']
const format = { name: 'format', kind: 'value', fallback: 'text', help: `${formats.join(' or ')}.` } as const

export default {
  name: 'doctor',
  summary:
    'Looks at everything between this host and its receivers: permissions, disk, DNS, TLS, credentials, clock, protocol.\n' +
    'Nothing is stored anywhere. Status 0 unless something fails; warnings are none.',
  usage: '[flags] --config.file=FILE',
  flags: () => [format, ...configFlags(collectors).filter(({ name }) => !name.startsWith('web.'))],
  async run({ flags }, terminal) {
    const wanted = String(flags.get(format.name) ?? format.fallback)
    if (!formats.includes(wanted)) throw new UsageError(`--format: ${wanted} is none of ${formats.join(', ')}`)
    const findings = await findingsOf(flags, terminal)
    terminal.out(wanted === 'json' ? `${JSON.stringify(findings, null, 2)}\n` : reportOf(findings))
    return findings.some(({ level }) => level === 'fail') ? 1 : 0
  },
} satisfies Command

async function findingsOf(flags: ParsedFlags, { environment, outputKinds }: Terminal): Promise<readonly Finding[]> {
  try {
    const own = new Map([...flags].filter(([name]) => name !== format.name))
    const kinds = await loadKinds(outputKinds)
    return await diagnosis(await readConfig({ flags: own, environment, collectors, outputKinds: kinds }), kinds)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((problem) => fail('configuration', problem))
  }
}

/** What has to do with one receiver waits for that one alone. */
async function diagnosis(config: Config, kinds: readonly OutputKind[]): Promise<readonly Finding[]> {
  const deps = { clock: systemClock, connect }
  const outputs = config.outputs.map((one) => checkOutput(one, deps))
  const running = checkAgent(config.buffer, systemClock, componentOf(kinds))
  const reading = checkCollectors(config, systemClock)
  const limits = await checkLimits(config, systemClock)
  return [
    configuration(config, kinds),
    ...config.warnings.map((doubt) => warn('configuration', doubt)),
    ...(await reading),
    ...(!haveBacklog(config.outputs) ? [] : [checkDirectory(config.buffer), ...(await running)]),
    ...(await Promise.all(outputs)).flat(),
    ...limits,
  ]
}

function configuration({ outputs, intervalMs, decisions }: Config, kinds: readonly OutputKind[]): Finding {
  const text = `good: every ${intervalMs / 1000} s to ${plural(outputs.length, 'output')}${decisions.map((note) => `; ${note}`).join('')}`
  return outputs.length > 0
    ? ok('configuration', text)
    : warn('configuration', 'good, but there is nothing to push to', `${kindNames(kinds)}, in --config.file`)
}
