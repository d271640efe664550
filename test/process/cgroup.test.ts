import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeCgroup, parseUsage } from '../../src/process/cgroup.ts'
import { parseInherited } from '../../src/process/inherited.ts'
import { startCommand } from '../../src/process/spawn.ts'
import { temporary } from '../support/servers.ts'

test('usage of a cgroup is read from cpu.stat and io.stat, with the bytes of all devices added up', () => {
  const cpu = 'usage_usec 3500000\nuser_usec 2500000\nsystem_usec 1000000\nnice_usec 0\n'
  const io =
    '8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=7 dios=1\n259:0 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0\n'
  assert.deepEqual(parseUsage(cpu, io), { userTicks: 250, systemTicks: 100, readBytes: 4097, writtenBytes: 8194 })
  assert.equal(parseUsage(cpu, undefined)?.readBytes, undefined)
  assert.equal(parseUsage(cpu, '')?.writtenBytes, 0)
  assert.equal(parseUsage(undefined, undefined), undefined)
})

/** A folder like the mount of a cgroup file system, with the cgroup of this process. */
function hierarchy(root: string): string {
  const path =
    readFileSync('/proc/self/cgroup', 'utf8')
      .split('\n')
      .find((line) => line.startsWith('0::'))
      ?.slice(3) ?? '/'
  const own = join(root, path)
  mkdirSync(own, { recursive: true })
  for (const folder of new Set([root, own])) writeFileSync(join(folder, 'cgroup.procs'), '')
  return own
}

test('a cgroup is created below the one of hostpush, and empty cgroups of ended commands are deleted', (t) => {
  const root = temporary(t)
  const own = hierarchy(root)
  mkdirSync(join(own, 'hostpush-exec-99999999'))
  mkdirSync(join(own, 'another'))
  const cgroup = makeCgroup(process.pid, 1000, [root])
  assert.ok(cgroup)
  const names = () =>
    readdirSync(own, { withFileTypes: true })
      .filter((one) => one.isDirectory())
      .map(({ name }) => name)
  assert.deepEqual(names().sort(), ['another', `hostpush-exec-${process.pid}`])
  assert.equal(cgroup.usage(), undefined)
  assert.deepEqual(cgroup.pids(), [])
  cgroup.remove()
  assert.deepEqual(names(), ['another'])
})

test('a command runs even if its cgroup cannot be created or entered', async (t) => {
  assert.equal(makeCgroup(process.pid, 1000, [join(temporary(t), 'none')]), undefined)
  const enter = `{ echo $$ >'/nowhere/at/all'; } 2>/dev/null`
  const started = await startCommand(['sh', '-c', 'exit 6'], {
    environment: process.env,
    inherited: parseInherited(),
    first: [enter],
  })
  assert.equal('ended' in started ? await started.ended : started.reason, 6)
})

test('a real cgroup counts a process that outlives its parent', async (t) => {
  const cgroup = makeCgroup(process.pid, process.getuid?.() ?? 0)
  if (cgroup === undefined) return t.skip('no cgroup of this host is ours to divide')
  t.after(() => cgroup.remove())
  const burn = `while (process.cpuUsage().user < 2e5); require('node:fs').writeFileSync('done', '')`
  const folder = temporary(t)
  const started = await startCommand(['sh', '-c', `cd '${folder}'; setsid "$0" -e "$1" &`, process.execPath, burn], {
    environment: process.env,
    inherited: parseInherited(),
    first: [cgroup.enter],
  })
  assert.equal('ended' in started ? await started.ended : started.reason, 0)
  while (!existsSync(join(folder, 'done'))) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.ok((cgroup.usage()?.userTicks ?? 0) >= 19)
})
