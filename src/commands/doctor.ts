import { collectors } from '../collectors/index.ts'
import { ConfigError } from '../config/error.ts'
import { configFlags, readConfig } from '../config/index.ts'
import { diagnose, type Finding, fail, reportOf } from '../doctor/index.ts'
import { loadKinds } from '../output.ts'
import { type ParsedFlags, UsageError } from '../util/flags.ts'
import type { Command, Terminal } from './command.ts'

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
    return await diagnose(await readConfig({ flags: own, environment, collectors, outputKinds: kinds }), kinds)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((problem) => fail('configuration', problem))
  }
}
