import { collectors } from '../collectors/index.ts'
import { ConfigError } from '../config/error.ts'
import { configFlags, exposedSecrets, readConfig } from '../config/index.ts'
import { diagnose, type Finding, fail, reportOf, warn } from '../doctor/index.ts'
import { loadKinds } from '../output.ts'
import { type ParsedFlags, UsageError } from '../util/flags.ts'
import type { Command, Terminal } from './command.ts'
import { protectionOf } from './hardware/protection.ts'
import { ownerToBecome } from './owner.ts'

const formats = ['text', 'json']
const format = {
  name: 'format',
  kind: 'value',
  value: 'FORMAT',
  fallback: 'text',
  help: `Output format: ${formats.join(' or ')}.`,
} as const

export default {
  name: 'doctor',
  summary:
    'Tests everything between this host and its receivers: permissions, disk, DNS, TLS, credentials, clock, protocol.\n' +
    'The test requests store no samples.',
  usage: '[flags] --config.file=FILE',
  examples: [
    [
      'Test as the user that runs the agent',
      'sudo -u hostpush hostpush doctor --config.file=/etc/hostpush/config.json',
    ],
    [
      'Print only the failures',
      `hostpush doctor --config.file=config.json --format=json | jq '.[] | select(.level == "fail")'`,
    ],
  ],
  exitStatuses: [
    ['0', 'no test failed; there may be warnings'],
    ['1', 'a test failed'],
    ['2', 'the command line is wrong'],
  ],
  flags: () => [format, ...configFlags(collectors).filter(({ name }) => !name.startsWith('web.'))],
  async run({ flags }, terminal) {
    const word = String(flags.get(format.name) ?? format.fallback)
    if (!formats.includes(word)) throw new UsageError(`--format: ${word} is not one of ${formats.join(', ')}`)
    const findings = await findingsOf(flags, terminal)
    terminal.out(word === 'json' ? `${JSON.stringify(findings, null, 2)}\n` : reportOf(findings))
    return findings.some(({ level }) => level === 'fail') ? 1 : 0
  },
} satisfies Command

async function findingsOf(flags: ParsedFlags, terminal: Terminal): Promise<readonly Finding[]> {
  const { environment, outputKinds } = terminal
  try {
    const own = new Map([...flags].filter(([name]) => name !== format.name))
    const kinds = await loadKinds(outputKinds)
    const config = await readConfig({ flags: own, environment, collectors, outputKinds: kinds })
    const { problem } = await ownerToBecome(config.buffer)
    const findings = await diagnose(config, kinds, protectionOf(terminal, 'trial'))
    const path = flags.get('config.file')
    const exposed = path === undefined ? [] : exposedSecrets(String(path))
    const more = [
      ...exposed.map((text) => warn('configuration', text)),
      ...(problem === undefined ? [] : [fail('buffer', problem)]),
    ]
    return [...findings, ...more]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((problem) => fail('configuration', problem))
  }
}
