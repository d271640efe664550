import assert from 'node:assert/strict'
import { test } from 'node:test'
import uname from '../../src/collectors/uname.ts'
import { collect } from '../support/collect.ts'

const rest = 'machine="x86_64",nodename="host",release="6.1.0",sysname="Linux",version="#1 SMP"'

test('the kernel and the host are named', async () => {
  const proc = { 'sys/kernel/domainname': 'example.org\n' }
  assert.deepEqual(await collect(uname, { proc }), [`node_uname_info{domainname="example.org",${rest}} 1`])
})

test('without an NIS domain the name is the one the kernel gives', async () => {
  assert.deepEqual(await collect(uname, { proc: { 'sys/kernel/domainname': '(none)\n' } }), [
    `node_uname_info{domainname="(none)",${rest}} 1`,
  ])
  assert.deepEqual(await collect(uname), [`node_uname_info{domainname="(none)",${rest}} 1`])
})
