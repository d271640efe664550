import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { outputKinds } from '../src/cli.ts'
import { commands, formerFlags } from '../src/commands/index.ts'
import { temporary } from './support/servers.ts'
import { commandLine } from './support/terminal.ts'

test('no command, help and version go to standard output with status 0', async () => {
  for (const args of [[], ['--help'], ['help'], ['--version']]) {
    const { status, out, err } = await commandLine(args)
    assert.equal(status, 0)
    assert.match(out, /hostpush/)
    assert.equal(err, '')
  }
})

test('the help of every command contains its name', async () => {
  for (const name of Object.keys(commands)) {
    const { status, out } = await commandLine([name, '--help'])
    assert.equal(status, 0)
    assert.match(out, new RegExp(`^Usage: hostpush ${name}`))
  }
})

test('the help of a command lists its own flags first', async () => {
  for (const [name, first] of [
    ['once', '--config.file'],
    ['doctor', '--format'],
    ['estimate', '--format'],
  ] as const) {
    const { out } = await commandLine([name, '--help'])
    assert.equal(/^ {2}(--[\w.-]+)/m.exec(out)?.[1], first)
  }
})

test('a help has examples and at most 60 lines; --help-collectors adds the collector flags', async () => {
  for (const name of Object.keys(commands)) {
    const { out } = await commandLine([name, '--help'])
    assert.match(out, /^Examples:\n {2}# .*\n {2}\S/m)
    assert.ok(out.split('\n').length <= 60, name)
    assert.doesNotMatch(out, /^ {2}--(\[no-\])?collector\./m)
  }
  for (const name of ['run', 'once', 'check', 'doctor', 'estimate', 'collect']) {
    const { status, out } = await commandLine([name, '--help-collectors'])
    assert.equal(status, 0)
    assert.match(out, /^ {2}--\[no-\]collector\.loadavg /m)
  }
  assert.equal((await commandLine(['push', '--help-collectors'])).status, 2)
})

/** From node_exporter's CHANGELOG.md and its binary's texts `DEPRECATED: Use …`. */
const renamed = {
  'collector.procfs': '--path.procfs',
  'collector.sysfs': '--path.sysfs',
  'collector.netdev.ignored-devices': '--collector.netdev.device-exclude',
  'collector.netdev.device-blacklist': '--collector.netdev.device-exclude',
  'collector.netdev.device-whitelist': '--collector.netdev.device-include',
  'collector.systemd.ignored-units': '--collector.systemd.unit-exclude',
  'collector.systemd.unit-blacklist': '--collector.systemd.unit-exclude',
  'collector.systemd.unit-whitelist': '--collector.systemd.unit-include',
  'collector.filesystem.ignored-fs-types': '--collector.filesystem.fs-types-exclude',
  'collector.filesystem.ignored-mount-points': '--collector.filesystem.mount-points-exclude',
  'collector.ethtool.ignored-devices': '--collector.ethtool.device-exclude',
  'collector.diskstats.ignored-devices': '--collector.diskstats.device-exclude',
  'collector.qdisk.device-exclude': '--collector.qdisc.device-exclude',
  'collector.qdisk.device-include': '--collector.qdisc.device-include',
  'web.config': '--web.config.file',
}

test('a flag that node_exporter renamed suggests the new one, with one dash and with two', async () => {
  const { default: command } = (await commands.run?.load()) ?? {}
  const accepted = new Set((await command?.flags({ outputKinds }))?.map(({ name }) => `--${name}`))
  assert.deepEqual(
    Object.entries(formerFlags)
      .filter(([, now]) => now.startsWith('--'))
      .toSorted(),
    Object.entries(renamed).toSorted(),
  )
  for (const [name, now] of Object.entries(renamed)) {
    assert.ok(accepted.has(now), now)
    for (const given of accepted.has(`--${name}`) ? [`-${name}`] : [`-${name}`, `--${name}`]) {
      const { status, err } = await commandLine(['run', `${given}=^x$`])
      assert.equal(err.split('\n')[0], `hostpush: unknown flag ${given}, did you mean ${now}?`)
      assert.equal(status, 2)
    }
  }
})

test('a flag that node_exporter removed says what to do instead', async () => {
  for (const [flag, message] of [
    [
      '--collectors.enabled=cpu,meminfo',
      /enabled: it was replaced by .*--collector.disable-defaults --collector.NAME$/,
    ],
    ['-collectors.print', /print: it was removed, --help-collectors lists the collectors$/],
    ['--no-collector.megacli', /megacli: it was removed, .*--collector.textfile.directory$/],
    ['--collector.megacli.command=x', /command: it was removed, .*--collector.textfile.directory$/],
    ['-auth.user=x', /user: it was removed, set basic_auth_users in the file of --web.config.file$/],
  ] as const) {
    const { status, err } = await commandLine(['run', flag])
    assert.match(err.split('\n')[0] ?? '', message)
    assert.equal(status, 2)
  }
})

test('a command without the new flag does not suggest it', async () => {
  const { err } = await commandLine(['push', '--web.config=x'])
  assert.doesNotMatch(err, /web.config.file/)
})

const misuse: readonly (readonly [args: string[], message: RegExp])[] = [
  [['run', '-web.listen-addres=:9100'], /unknown flag -web.listen-addres, did you mean --web.listen-address\?/],
  [['run', '-x'], /unknown flag -x$/],
  [['rnu'], /unknown command rnu, did you mean run\?/],
  [['run', '--collector.cpuu'], /unknown flag --collector.cpuu, did you mean --collector.cpu\?/],
  [['collect', '--no-collector.meminf'], /unknown flag --no-collector.meminf, did you mean --no-collector.meminfo\?/],
  [['collect', '--path.procfs=/proc', '--path.procfs=/proc'], /flag --path.procfs cannot be repeated/],
  [['collect', '--collector.cpu=true'], /flag --collector.cpu does not accept a value/],
  [['collect', '--path.procfs'], /flag --path.procfs requires a value/],
  [['receive', '--listen-address=nowhere'], /nowhere is not HOST:PORT/],
  [['collect', 'meminfo'], /unexpected argument meminfo, collect accepts only flags/],
  [['run', '--', '-'], /unexpected argument -/],
  [['demo', '--interval=often'], /--interval: "often" is not a positive duration, for example 5s/],
  [['demo', '--interval=0s'], /--interval: "0s" is not a positive duration/],
  [['demo', '--pushes=some'], /--pushes: "some" is not a whole number/],
]
for (const [args, message] of misuse) {
  test(`hostpush ${args.join(' ')} is one clear line and status 2`, async () => {
    const { status, out, err } = await commandLine(args)
    assert.equal(status, 2)
    assert.equal(out, '')
    assert.match(err.split('\n')[0] ?? '', message)
  })
}

const bad: readonly (readonly [args: string[], message: RegExp])[] = [
  [
    ['collect', '--path.procfs=/nowhere'],
    /^hostpush: --path.procfs: "\/nowhere" does not exist, expected the mount point of procfs/,
  ],
  [
    ['collect', '--path.sysfs=/etc/passwd'],
    /^hostpush: --path.sysfs: \/etc\/passwd is not a directory, expected the mount point of sysfs \(/,
  ],
  [
    ['collect', '--collector.netstat.fields=('],
    /^hostpush: --collector.netstat.fields: "\(" is not a regular expression in RE2 syntax/,
  ],
  [['collect', '--collector.netstat.fields=a(?=b)'], /is not a regular expression in RE2 syntax/],
  [
    ['collect', '--log.level=loud'],
    /^hostpush: --log.level: "loud" is unknown, expected one of debug, info, warn, error$/,
  ],
  [['collect', '--config.file=/nowhere.json'], /^hostpush: \/nowhere.json: ENOENT/],
  [['collect', '--config.file='], /^hostpush: --config.file: ENOENT/],
  [['check', '--web.listen-address=here'], /^hostpush: web: listen address "here" is not host:port/],
  [
    ['check', '--web.telemetry-path=metrics'],
    /^hostpush: --web.telemetry-path: "metrics" is invalid, expected a path that begins with \//,
  ],
  [['run', '--web.listen-address='], /^hostpush: nothing to do: add remote_write or pushgateway/],
  [
    ['collect', '--collector.diskstats.device-include=a', '--collector.diskstats.device-exclude=b'],
    /^hostpush: collectors.diskstats: include and exclude cannot both be set$/,
  ],
]
for (const [args, message] of bad) {
  test(`hostpush ${args.join(' ')} is one clear line and status 1`, async () => {
    const { status, err } = await commandLine(args)
    assert.equal(status, 1)
    assert.match(err.trimEnd(), message)
    assert.equal(err.trimEnd().split('\n').length, 1)
  })
}

test('check reports all errors in one run, each with its path', async (t) => {
  const file = join(temporary(t), 'config.json')
  const config = {
    globl: {},
    global: { scrape_interval: '15 seconds', external_labels: { 'a-b': 'x' } },
    remote_write: [
      { url: 'ftp://x', headers: { 'Content-Type': 'text/plain', 'X-Ok': 'a\nb' } },
      { url: 'http://x/', basic_auth: { usrname: 'a' }, remote_timeout: '0s' },
    ],
    collectors: { cpu: { enabled: 'yes' }, cpux: {} },
    buffer: { max_bytes: 'lots' },
  }
  writeFileSync(file, JSON.stringify(config))
  const { status, err } = await commandLine(['check', `--config.file=${file}`])
  assert.equal(status, 1)
  const errors = err
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(`hostpush: ${file}: `, ''))
    .sort()
  assert.deepEqual(errors, [
    'buffer.max_bytes: invalid value, expected a size such as "512MiB"',
    'collectors.cpu.enabled: invalid value, expected true or false',
    'collectors.cpux: unknown key, did you mean cpu?',
    'global.external_labels.a-b: invalid value, expected a label name: letters, digits and _, not beginning with a digit',
    'global.scrape_interval: invalid value, expected a duration such as "15s" or "1m30s"',
    'globl: unknown key, did you mean global?',
    'remote_write[0].headers.Content-Type: reserved, hostpush sets this header (for credentials use basic_auth, authorization, oauth2, sigv4, azuread or google_iam)',
    'remote_write[0].headers.X-Ok: invalid value, expected one line of Latin-1 characters (it is sent in a header)',
    'remote_write[0].url: invalid value, expected an http:// or https:// URL',
    'remote_write[1].basic_auth.usrname: unknown key, did you mean username?',
    'remote_write[1].remote_timeout: invalid value, expected a duration above 0',
  ])
})

test('a file that is not valid JSON is reported with line and column', async (t) => {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, '{\n  "job": "a",,\n}')
  const { status, err } = await commandLine(['check', `--config.file=${file}`])
  assert.equal(status, 1)
  assert.match(err, /config\.json: .*line 2 column 14/)
})
