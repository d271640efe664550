import { collectEach, collector } from '../collector.ts'
import { fields } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const info = gauge('node_cpu_vulnerabilities_info', 'State and mitigation of a CPU vulnerability; always 1.', [
  'codename',
  'state',
  'mitigation',
])

/** https://docs.kernel.org/admin-guide/hw-vuln/ */
export default collector({
  name: 'cpu_vulnerabilities',
  about:
    'Reports the state and mitigation of each known CPU vulnerability. Reads /sys/devices/system/cpu/vulnerabilities.',
  enabled: false,
  collect({ sys, emit }) {
    const vulnerabilities = sys.at('devices/system/cpu/vulnerabilities')
    collectEach(vulnerabilities.children(), ({ name: codename }) => {
      const text = vulnerabilities.text(codename)
      if (text !== undefined) emit(info, 1, { codename, ...parseVulnerability(text) })
    })
  },
})

/** `Mitigation: PTI`, `Vulnerable`: the rest after the first word is the mitigation, unless the CPU is not affected. */
export function parseVulnerability(text: string): { readonly state: string; readonly mitigation: string } {
  const [, state] = /^(not affected|vulnerable|mitigation|unknown)/i.exec(text) ?? []
  const words = fields(text)
  if (state === undefined) return { state: 'unknown', mitigation: words.join(' ') }
  const stateName = state.toLowerCase()
  return { state: stateName, mitigation: stateName === 'not affected' ? '' : words.slice(1).join(' ') }
}
