import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { collectors } from '../../src/collectors/index.ts'
import { readConfig } from '../../src/config/index.ts'
import { checkCollectors } from '../../src/doctor/collectors.ts'
import { grantFor, grantForFailure } from '../../src/doctor/permissions.ts'
import { diskFiles } from '../../src/host/fs/files.ts'
import { systemClock } from '../../src/util/clock.ts'
import { outputKinds } from '../support/outputs.ts'
import { temporary } from '../support/servers.ts'

/** What is found with these collectors alone, where files that match may not be read. */
async function found(t: TestContext, names: readonly string[], secret: RegExp, more: Record<string, string> = {}) {
  const folder = temporary(t)
  mkdirSync(join(folder, 'sys'))
  const on = names.map((name) => [`collector.${name}`, true] as const)
  const given = { 'collector.disable-defaults': true, 'path.rootfs': folder, ...more }
  const flags = new Map<string, string | boolean>([...Object.entries(given), ...on])
  const config = await readConfig({ flags, environment: {}, collectors, outputKinds })
  const open = <T>(path: string | Buffer, ask: () => T): T => {
    if (secret.test(String(path)))
      throw Object.assign(new Error(`EACCES: permission denied, ${path}`), { code: 'EACCES' })
    return ask()
  }
  return checkCollectors(config, { clock: systemClock }, (root) => {
    const files = diskFiles(root)
    return {
      read: (path, limit) => open(path, () => files.read(path, limit)),
      readRegular: (path, maxBytes) => open(path, () => files.readRegular(path, maxBytes)),
      list: (path) => open(path, () => files.list(path)),
      status: (path) => files.status(path),
      link: (path) => files.link(path),
      real: (path) => files.real(path),
      endCycle: () => files.endCycle(),
      close: () => files.close(),
    }
  })
}

test('collectors that can read their files are reported in one line', async (t) => {
  const findings = await found(t, ['loadavg', 'meminfo'], /^$/)
  assert.deepEqual(findings, [{ level: 'ok', thing: 'collectors', text: '2 of 2 collectors can read their files' }])
})

test('a file without read permission is reported with its collector and a remedy', async (t) => {
  const findings = await found(t, ['loadavg', 'entropy'], /\/random\//)
  const [all, ...failures] = findings
  assert.match(all?.text ?? '', /^1 of 2 collectors can read their files/)
  assert.equal(failures[0]?.thing, 'collector entropy')
  assert.match(failures[0]?.text ?? '', /permission denied for \/proc\/sys\/kernel\/random\/\w+.*, metrics are missing/)
  assert.match(failures[0]?.remedy ?? '', /CAP_DAC_READ_SEARCH/)
})

test('a collector that returns nothing because of a file is reported once, as a failure', async (t) => {
  const [all, ...failures] = await found(t, ['loadavg', 'filefd'], /file-nr$/)
  assert.match(all?.text ?? '', /^1 of 2 collectors can read their files/)
  assert.deepEqual(
    failures.map(({ level, thing }) => `${level} ${thing}`),
    ['fail collector filefd'],
  )
})

test('a failing collector is reported as a failure', async (t) => {
  const procfs = join(temporary(t), 'proc')
  mkdirSync(procfs)
  writeFileSync(join(procfs, 'stat'), '')
  writeFileSync(join(procfs, 'loadavg'), 'no load\n')
  const findings = await found(t, ['loadavg'], /^$/, { 'path.procfs': procfs })
  assert.deepEqual(
    findings.map(({ level, thing }) => `${level} ${thing}`),
    ['ok collectors', 'fail collector loadavg'],
  )
})

test('a missing procfs is reported instead of the failure of each collector', async (t) => {
  const procfs = temporary(t)
  const [finding, ...others] = await found(t, ['loadavg', 'meminfo'], /^$/, { 'path.procfs': procfs })
  assert.deepEqual(
    [finding?.level, finding?.text],
    ['fail', `${procfs}/stat does not exist: no procfs is mounted there`],
  )
  assert.match(finding?.remedy ?? '', /^set path\.procfs to the mount point of procfs/)
  assert.deepEqual(others, [])
})

test('the remedy for a file or system call names a capability, a rule or a flag', () => {
  assert.match(grantFor('/sys/class/powercap/intel-rapl:0/energy_uj'), /udev rule/)
  assert.match(grantFor('/proc/4711/io'), /CAP_SYS_PTRACE/)
  assert.match(grantFor('/proc/slabinfo'), /CAP_DAC_READ_SEARCH/)
  assert.match(grantForFailure('perf', 'perf_event_open: EACCES'), /CAP_PERFMON/)
  assert.match(grantForFailure('systemd', 'connect ENOENT /run/dbus/system_bus_socket'), /mount \/run\/dbus/)
  assert.match(grantForFailure('textfile', 'ENOENT: no such file'), /create the directory/)
  assert.match(grantForFailure('loadavg', 'garbage'), /--no-collector\.loadavg/)
})
