import assert from 'node:assert/strict'
import { test } from 'node:test'
import cpuVulnerabilities, { parseVulnerability } from '../../src/collectors/cpu-vulnerabilities.ts'
import { collect, collectAll } from '../support/collect.ts'

const directory = 'devices/system/cpu/vulnerabilities'

test('it reports the state and mitigation of each vulnerability', async () => {
  const sys = {
    [`${directory}/mds`]: 'Vulnerable\n',
    [`${directory}/retbleed`]: 'Mitigation: untrained  return thunk; SMT enabled\n',
  }
  assert.deepEqual(await collect(cpuVulnerabilities, { sys }), [
    'node_cpu_vulnerabilities_info{codename="mds",mitigation="",state="vulnerable"} 1',
    'node_cpu_vulnerabilities_info{codename="retbleed",mitigation="untrained return thunk; SMT enabled",state="mitigation"} 1',
  ])
})

test('the first words of the text give the state', () => {
  const states: readonly [text: string, state: string, mitigation: string][] = [
    ['Not affected', 'not affected', ''],
    ['Not affected; x', 'not affected', ''],
    ['MITIGATION: x', 'mitigation', 'x'],
    ['Vulnerable: Clear CPU buffers, SMT', 'vulnerable', 'Clear CPU buffers, SMT'],
    ['Unknown (XEN PV detected)', 'unknown', '(XEN PV detected)'],
    ['KVM: Mitigation: Split huge pages', 'unknown', 'KVM: Mitigation: Split huge pages'],
    ['', 'unknown', ''],
  ]
  for (const [text, state, mitigation] of states) assert.deepEqual(parseVulnerability(text), { state, mitigation })
})

test('a kernel without the directory gives no samples and no failure', async () => {
  const { lines, success } = await collectAll(cpuVulnerabilities, {})
  assert.deepEqual([lines, success], [[], true])
})
