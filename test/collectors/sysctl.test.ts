import assert from 'node:assert/strict'
import { test } from 'node:test'
import sysctl, { parseParameter } from '../../src/collectors/sysctl.ts'
import { collect, collectAll } from '../support/collect.ts'

const proc = {
  'sys/fs/file-nr': '1024\t0\t1631329\n',
  'sys/kernel/threads-max': '7801\n',
  'sys/kernel/seccomp/actions_avail': 'kill_process  kill_thread\tallow\n',
  'sys/kernel/neg': '-7\n',
  'sys/kernel/word': 'hello\n',
  'sys/kernel/nothing': '\n',
}
const run = (include: string[], info: string[] = []) =>
  collectAll(sysctl, { proc, options: { include, 'include-info': info } })

test('one value is one series; several values have an index or names as a label', async () => {
  const { lines, success } = await run([
    'fs.file-nr',
    'fs.file-nr:total,current,max',
    'kernel.threads-max',
    'kernel/neg',
  ])
  assert.equal(success, true)
  assert.deepEqual(lines, [
    'node_sysctl_fs_file_nr{index="0"} 1024',
    'node_sysctl_fs_file_nr{index="1"} 0',
    'node_sysctl_fs_file_nr{index="2"} 1.631329e+06',
    'node_sysctl_fs_file_nr_current 0',
    'node_sysctl_fs_file_nr_max 1.631329e+06',
    'node_sysctl_fs_file_nr_total 1024',
    'node_sysctl_kernel_neg -7',
    'node_sysctl_kernel_threads_max 7801',
  ])
})

test('words become labels', async () => {
  const { lines } = await run([], ['kernel.seccomp.actions_avail'])
  assert.deepEqual(lines, [
    'node_sysctl_info{index="0",name="kernel.seccomp.actions_avail",value="kill_process"} 1',
    'node_sysctl_info{index="1",name="kernel.seccomp.actions_avail",value="kill_thread"} 1',
    'node_sysctl_info{index="2",name="kernel.seccomp.actions_avail",value="allow"} 1',
  ])
})

test('a parameter that is missing, empty, a word or of another length is a failure and does not hide others', async () => {
  for (const name of ['kernel.nope', 'kernel.nothing', 'kernel.word', 'fs.file-nr:total,current']) {
    const { lines, success, logged } = await run([name, 'kernel.neg'])
    assert.deepEqual([lines, success], [['node_sysctl_kernel_neg -7'], false])
    assert.match(logged.join(), /^error/)
  }
})

test('it is disabled by default and has no default parameters', async () => {
  assert.equal(sysctl.enabled, false)
  assert.deepEqual(await collect(sysctl, { proc }), [])
})

test('names follow a colon', () => {
  assert.deepEqual(parseParameter('a.b:x,y'), { name: 'a.b', keys: ['x', 'y'] })
  assert.deepEqual(parseParameter('a.b'), { name: 'a.b', keys: [] })
})
