import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readConfig } from '../../../src/config/index.ts'
import { outputKinds } from '../../support/outputs.ts'
import { temporary } from '../../support/servers.ts'

/** The configuration of a file, with a hostname(1) that runs these lines. */
function configOf(t: TestContext, file: object, lines: string) {
  const folder = temporary(t)
  writeFileSync(join(folder, 'config.json'), JSON.stringify(file))
  writeFileSync(join(folder, 'hostname'), `#!/bin/sh\n${lines}\n`, { mode: 0o755 })
  const flags = new Map([['config.file', join(folder, 'config.json')]])
  return readConfig({ flags, environment: { PATH: `${folder}:/usr/bin:/bin` }, collectors: [], outputKinds })
}

test('the name with its domain is the output of hostname -f', async (t) => {
  const file = { instance: '${fqdn}', global: { external_labels: { at: 'x-${fqdn}' } } }
  const config = await configOf(t, file, '[ "$1" = -f ] && echo host.example.org')
  assert.equal(config.identity['instance'], 'host.example.org')
  assert.equal(config.identity['at'], 'x-host.example.org')
  assert.deepEqual(config.decisions, [])
})

test('if hostname -f fails, the host name is used and a note reports it', async (t) => {
  for (const lines of ['echo no such name >&2; exit 1', 'echo', 'exec sleep 20']) {
    const config = await configOf(t, { instance: '${fqdn}' }, lines)
    assert.equal(config.identity['instance'], hostname())
    assert.match(config.decisions.join(), /^\$\{fqdn\} is \S+: hostname -f (failed: .|returned )/)
  }
})

test('hostname -f does not run if no label uses it', async (t) => {
  const config = await configOf(t, { instance: '${hostname}' }, 'echo asked > "$0.asked"; exit 1')
  assert.deepEqual(config.decisions, [])
})
