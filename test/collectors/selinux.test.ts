import assert from 'node:assert/strict'
import { test } from 'node:test'
import selinux from '../../src/collectors/selinux.ts'
import { collect, collecting } from '../support/collect.ts'

const root = '29 1 8:2 / / rw,relatime - ext4 /dev/sda2 rw\n'
const selinuxfs = '30 24 0:20 / /sys/fs/selinux rw,nosuid,noexec,relatime - selinuxfs selinuxfs rw\n'
const host = (config: string, enforce: string, label = 'system_u:system_r:unconfined_service_t:s0\0') => ({
  proc: { 'self/mountinfo': root + selinuxfs, 'thread-self/attr/current': label },
  rootfs: { 'etc/selinux/config': config },
  elsewhere: { 'sys/fs/selinux/enforce': enforce },
})
const modes = async (config: string, enforce: string) =>
  (await collect(selinux, host(config, enforce))).map((line) => line.split(' ').at(-1))

test('without selinuxfs it reports only that SELinux is disabled', async () => {
  assert.deepEqual(await collect(selinux, { proc: { 'self/mountinfo': root } }), ['node_selinux_enabled 0'])
  assert.deepEqual(await collect(selinux), ['node_selinux_enabled 0'])
})

test('it reports an enforcing host', async () => {
  assert.deepEqual(await collect(selinux, host('# a comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n', '1')), [
    'node_selinux_config_mode 1',
    'node_selinux_current_mode 1',
    'node_selinux_enabled 1',
  ])
})

test('the configured and the current mode may differ; an unknown mode counts as disabled', async () => {
  assert.deepEqual(await modes('SELINUX=permissive\n', '1'), ['0', '1', '1'])
  assert.deepEqual(await modes('SELINUX=disabled\n', '0'), ['-1', '0', '1'])
  assert.deepEqual(await modes('#SELINUX=enforcing\nSELINUXTYPE=enforcing\n', 'garbage'), ['-1', '-1', '1'])
})

test('without a policy, or with a read-only mount as in a container, SELinux is disabled', async () => {
  assert.deepEqual(await collect(selinux, host('SELINUX=enforcing\n', '1', 'kernel\0')), ['node_selinux_enabled 0'])
  const proc = { 'self/mountinfo': selinuxfs.replace('rw,nosuid', 'ro,nosuid') }
  assert.deepEqual(await collect(selinux, { ...host('', '1'), proc }), ['node_selinux_enabled 0'])
})

test('an enabled SELinux is detected once', async () => {
  const run = collecting(selinux, host('', '1'))
  await run()
  assert.equal((await run({ ...host('', '0'), proc: {} })).lines.at(-1), 'node_selinux_enabled 1')
})

test('a disabled SELinux is detected once', async () => {
  const run = collecting(selinux, { proc: { 'self/mountinfo': root } })
  await run()
  assert.deepEqual((await run(host('SELINUX=enforcing\n', '1'))).lines, ['node_selinux_enabled 0'])
})
