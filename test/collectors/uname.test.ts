import assert from 'node:assert/strict'
import { test } from 'node:test'
import uname from '../../src/collectors/uname.ts'
import { collect } from '../support/collect.ts'

const rest = 'machine="x86_64",nodename="host",release="6.1.0",sysname="Linux",version="#1 SMP"'

test('it reports the kernel and the host', async () => {
  const proc = { 'sys/kernel/domainname': 'example.org\n' }
  assert.deepEqual(await collect(uname, { proc }), [`node_uname_info{domainname="example.org",${rest}} 1`])
})

test('without an NIS domain the label is (none), as the kernel reports it', async () => {
  assert.deepEqual(await collect(uname, { proc: { 'sys/kernel/domainname': '(none)\n' } }), [
    `node_uname_info{domainname="(none)",${rest}} 1`,
  ])
  assert.deepEqual(await collect(uname), [`node_uname_info{domainname="(none)",${rest}} 1`])
})
