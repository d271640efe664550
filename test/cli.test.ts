import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { commands } from '../src/commands/index.ts'
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

const misuse: readonly (readonly [args: string[], message: RegExp])[] = [
  [['rnu'], /unknown command rnu; did you mean run\?/],
  [['run', '--collector.cpuu'], /unknown flag --collector.cpuu; did you mean --collector.cpu\?/],
  [['collect', '--no-collector.meminf'], /unknown flag --no-collector.meminf; did you mean --no-collector.meminfo\?/],
  [['collect', '--path.procfs=/proc', '--path.procfs=/proc'], /flag --path.procfs cannot be repeated/],
  [['collect', '--collector.cpu=true'], /flag --collector.cpu does not accept a value/],
  [['collect', '--path.procfs'], /flag --path.procfs requires a value/],
  [['receive', '--listen-address=nowhere'], /nowhere is not HOST:PORT/],
  [['collect', 'meminfo'], /unexpected meminfo/],
  [['run', '--', '-'], /unexpected -/],
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
    /^hostpush: --path.procfs: "\/nowhere" is not there: this is where procfs is mounted/,
  ],
  [
    ['collect', '--path.sysfs=/etc/passwd'],
    /^hostpush: --path.sysfs: \/etc\/passwd is not a directory: this is where sysfs is mounted, /,
  ],
  [
    ['collect', '--collector.netstat.fields=('],
    /^hostpush: --collector.netstat.fields: "\(" is no regular expression in RE2 syntax/,
  ],
  [['collect', '--collector.netstat.fields=a(?=b)'], /is no regular expression in RE2 syntax/],
  [['collect', '--log.level=loud'], /^hostpush: --log.level: "loud" is none of debug, info, warn, error$/],
  [['collect', '--config.file=/nowhere.json'], /^hostpush: \/nowhere.json: ENOENT/],
  [['collect', '--config.file='], /^hostpush: --config.file: ENOENT/],
  [['check', '--web.listen-address=here'], /^hostpush: web: listen address "here" is not host:port/],
  [['check', '--web.telemetry-path=metrics'], /^hostpush: --web.telemetry-path: "metrics" does not begin with a slash/],
  [['run', '--web.listen-address='], /^hostpush: there is nothing to do: name an endpoint/],
  [
    ['collect', '--collector.diskstats.device-include=a', '--collector.diskstats.device-exclude=b'],
    /^hostpush: collector diskstats: include and exclude cannot both be set$/,
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
  const told = err
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(`hostpush: ${file}: `, ''))
    .sort()
  assert.deepEqual(told, [
    'buffer.max_bytes: a size such as "512MiB" is expected',
    'collectors.cpu.enabled: true or false is expected',
    'collectors.cpux: unknown key; did you mean cpu?',
    'global.external_labels.a-b: a label name consists of letters, digits and _, and begins with no digit',
    'global.scrape_interval: a duration such as "15s" or "1m30s" is expected',
    'globl: unknown key; did you mean global?',
    'remote_write[0].headers.Content-Type: this header is set by hostpush itself (for credentials use basic_auth, authorization, oauth2, sigv4, azuread or google_iam)',
    'remote_write[0].headers.X-Ok: cannot be sent: a header is one line of Latin letters and signs',
    'remote_write[0].url: an http:// or https:// URL is expected',
    'remote_write[1].basic_auth.usrname: unknown key; did you mean username?',
    'remote_write[1].remote_timeout: a duration above 0 is expected',
  ])
})

test('a file that is not valid JSON is reported with line and column', async (t) => {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, '{\n  "job": "a",,\n}')
  const { status, err } = await commandLine(['check', `--config.file=${file}`])
  assert.equal(status, 1)
  assert.match(err, /config\.json: .*line 2 column 14/)
})
