import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { createReceiver } from '../../src/demo-receiver/receiver.ts'
import { type Answer, startGateway } from '../pushgateway/gateway.ts'
import { createFaultyReceiver } from '../support/faulty-receiver.ts'
import { freePort, temporary } from '../support/servers.ts'
import { commandLine } from '../support/terminal.ts'

const state = mkdtempSync(join(tmpdir(), 'hostpush-'))
after(() => rmSync(state, { recursive: true }))

const push = (input: string, ...args: string[]) =>
  commandLine(['push', ...args], { STATE_DIRECTORY: state }, new AbortController().signal, input)

test('samples are pushed to a Pushgateway, into the group of their job, and one line reports it', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const { status, out, err } = await push('rows_total 42 1700000000000\n', '--job=import', `--pushgateway=${url}`)
  assert.equal(err, '')
  const group = `${url}/metrics/job/import/instance/${hostname()}`
  assert.equal(out, `hostpush: 1 sample delivered to ${group}\n`)
  assert.equal(status, 0)
  assert.equal(requests.length, 1)
  assert.equal(requests[0]?.method, 'POST')
  assert.equal(requests[0]?.body, '# HELP rows_total \n# TYPE rows_total untyped\nrows_total 42\n')
})

test('labels form the group, and an empty value removes the instance', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const { status } = await push('a 1\n', '--job=j', '--label=table=a/b', '--label=instance=', `--pushgateway=${url}`)
  assert.equal(status, 0)
  assert.equal(requests[0]?.path, '/metrics/job/j/table@base64/YS9i')
})

test('a label with an empty value that is not configured is a label of the group, as in a path of curl', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const file = join(temporary(t), 'config.json')
  writeFileSync(
    file,
    JSON.stringify({
      global: { external_labels: { site: 'lab' } },
      pushgateway: [{ url, grouping_key: { room: '1' } }],
      buffer: { mode: 'memory' },
    }),
  )
  const group = async (...args: string[]) => {
    const { status, err } = await push('a 1\n', '--job=j', ...args)
    assert.deepEqual([status, err], [0, ''])
    return requests.at(-1)?.path
  }
  const alone = `--pushgateway=${url}`
  // curl --data-binary @file URL/metrics/job/j/empty@base64/=
  assert.equal(await group(alone, '--label=instance=', '--label=empty='), '/metrics/job/j/empty@base64/=')
  assert.equal(await group(alone, '--label=empty='), `/metrics/job/j/instance/${hostname()}/empty@base64/=`)
  // An empty value removes what the configuration sets.
  const configured = `--config.file=${file}`
  assert.equal(await group(configured), '/metrics/job/j/room/1')
  assert.equal(await group(configured, '--label=room=', '--label=site=', '--label=instance='), '/metrics/job/j')
  assert.equal(await group(configured, '--label=room=', '--label=x='), '/metrics/job/j/x@base64/=')
})

test('samples are pushed to a remote-write endpoint with their timestamps, or with the current time', async (t) => {
  const receiver = await createReceiver({ listen: { host: '127.0.0.1', port: 0 }, ledger: true })
  t.after(() => receiver.close())
  const startMs = Date.now()
  const text = `# TYPE rows counter\nrows_total{t="a"} 42 ${startMs / 1000 - 60}\nrows_total{t="b"} 43\n# EOF\n`
  const { status, out } = await push(
    text,
    '--job=import',
    '--label=site=x',
    `--remote-write.url=${receiver.url}/api/v1/write`,
  )
  assert.equal(status, 0)
  assert.match(out, /^hostpush: 2 samples delivered to http:\S+\/api\/v1\/write\n$/)
  const [a, b, ...more] = (receiver.ledger ?? []).toSorted((left, right) => left.value - right.value)
  assert.deepEqual(more, [])
  assert.equal(a?.series, `rows_total{instance="${hostname()}",job="import",site="x",t="a"}`)
  assert.equal(a?.timestampMs, startMs - 60_000)
  assert.ok((b?.timestampMs ?? 0) >= startMs && (b?.timestampMs ?? 0) <= Date.now())
})

test('all samples are pushed to each output of a configuration', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const receiver = await createReceiver({ listen: { host: '127.0.0.1', port: 0 }, ledger: true })
  t.after(() => receiver.close())
  const file = join(temporary(t), 'config.json')
  const config = {
    instance: 'h',
    global: { external_labels: { site: 'lab' } },
    remote_write: [{ url: `${receiver.url}/api/v1/write`, name: 'rw' }],
    pushgateway: [{ url, name: 'gw', method: 'PUT', job: 'other', delete_on_start: true, delete_on_shutdown: true }],
    buffer: { directory: '/dev/null/at/all' },
  }
  writeFileSync(file, JSON.stringify(config))
  const { status, out, err } = await push('a 1\n', '--job=j', `--config.file=${file}`)
  assert.match(
    err,
    /^\S+ level=ERROR msg="Buffer directory is not usable, undelivered samples of this command will be lost".*\n$/,
  )
  assert.equal(status, 0)
  assert.match(
    out,
    /^hostpush: 1 sample delivered to http:\S+\/api\/v1\/write, http:\S+\/metrics\/job\/j\/instance\/h\n$/,
  )
  assert.deepEqual(
    requests.map(({ method, path }) => `${method} ${path}`),
    ['POST /metrics/job/j/instance/h'],
  )
  assert.match(requests[0]?.body ?? '', /^a\{site="lab"\} 1$/m)
  assert.deepEqual(
    receiver.ledger?.map(({ series }) => series),
    ['a{instance="h",job="j",site="lab"}'],
  )
})

test('a timeout can have fractions of a millisecond, or be months long', async (t) => {
  const { url } = await startGateway(t, () => undefined)
  for (const timeout of ['1234.5ms', '60d'])
    assert.equal((await push('a 1\n', '--job=j', `--pushgateway=${url}`, `--timeout=${timeout}`)).status, 0)
})

test('a file is read like standard input', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const file = join(temporary(t), 'metrics')
  writeFileSync(file, 'a 1\n')
  assert.equal((await push('', '--job=j', `--pushgateway=${url}`, file)).status, 0)
  assert.match(requests[0]?.body ?? '', /^a 1$/m)
  const missing = await push('', '--job=j', `--pushgateway=${url}`, `${file}.not`)
  assert.equal(missing.status, 1)
  assert.match(missing.err, /^hostpush: ENOENT/)
})

test('invalid lines are reported by number, and nothing is sent', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const { status, out, err } = await push('a 1\nb\nc 1\na 2\n', '--job=j', `--pushgateway=${url}`)
  assert.equal(status, 1)
  assert.equal(out, '')
  assert.equal(
    err,
    'hostpush: line 2: expected a number as value, found ""\n' +
      'hostpush: line 4: a appears twice\n' +
      'hostpush: nothing was sent: the input has errors\n',
  )
  assert.equal(requests.length, 0)
})

test('CR LF line ends are reported once, and so is a text that is not UTF-8', async () => {
  const windows = await push('a 1\r\nb 1\r\n', '--job=j', '--pushgateway=http://127.0.0.1:9')
  assert.match(
    windows.err,
    /^hostpush: line 1: the line ends in CR LF.*tr -d '\\r'.*\nhostpush: nothing was sent: the input has errors\n$/,
  )
  const latin = mkdtempSync(join(tmpdir(), 'hostpush-'))
  after(() => rmSync(latin, { recursive: true }))
  writeFileSync(join(latin, 'x'), Buffer.from('a 1\nb{x="\xe4"} 1\n', 'latin1'))
  const { status, err } = await push('', '--job=j', '--pushgateway=http://127.0.0.1:9', join(latin, 'x'))
  assert.deepEqual(
    [status, err],
    [1, 'hostpush: line 2: invalid UTF-8\nhostpush: nothing was sent: the input has errors\n'],
  )
})

test('all samples of the input are pushed, also names that an agent omits, and also after a restart from the spool', async (t) => {
  let answer: 'hang' | undefined = 'hang'
  const { url, requests } = await startGateway(t, () => answer)
  const args = ['--job=whole', `--pushgateway=${url}`]
  assert.equal((await push('up 1\n', ...args, '--timeout=1s')).status, 3)
  answer = undefined
  assert.equal((await push('scrape_samples_scraped 2\n', ...args)).status, 0)
  assert.deepEqual(
    requests.slice(-2).map(({ body }) => body.trimEnd().split('\n').at(-1)),
    ['up 1', 'scrape_samples_scraped 2'],
  )
})

test('a result with several outputs explains once where undelivered samples are kept', async (t) => {
  const destinations = ['--pushgateway=http://127.0.0.1:1', '--remote-write.url=http://127.0.0.1:1/api/v1/write']
  const { status, err } = await commandLine(
    ['push', '--job=j', ...destinations, '--timeout=1s'],
    { STATE_DIRECTORY: temporary(t) },
    new AbortController().signal,
    'a 1\n',
  )
  assert.equal(status, 3)
  assert.equal(err.match(/kept in the buffer/g)?.length, 1)
  assert.match(err, /; 1 of 1 sample for http:\S+ not delivered, kept too: .*ECONNREFUSED/)
})

test('conflicting families are an error, and nothing is sent', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const text = '# TYPE a_count gauge\na_count 1\n# TYPE a summary\na_sum 1\n'
  const { status, err } = await push(text, '--job=j', `--pushgateway=${url}`)
  assert.equal(status, 1)
  assert.match(err, /^hostpush: a_count is defined by two families\n$/)
  assert.equal(requests.length, 0)
})

test('an input without samples is an error', async (t) => {
  const { url, requests } = await startGateway(t, () => undefined)
  const { status, err } = await push('# TYPE a gauge\n', '--job=j', `--pushgateway=${url}`)
  assert.equal(status, 1)
  assert.equal(err, 'hostpush: nothing was sent: the input has no samples\n')
  assert.equal(requests.length, 0)
})

test('after the timeout samples are kept, the reason is printed, and the next push to the same destination delivers them', async (t) => {
  let isSilent = true
  const { url, requests } = await startGateway(t, () => (isSilent ? 'hang' : undefined))
  const silent = await push('a 1\n', '--job=j', `--pushgateway=${url}`, '--timeout=1.5s')
  assert.equal(silent.status, 3)
  assert.match(
    silent.err,
    /^hostpush: 1 of 1 sample for http:\S+ not delivered, kept in the buffer for .*: timeout before delivery: no answer for \S+ s\n$/,
  )
  isSilent = false
  const next = await push('b 1\n', '--job=k', `--pushgateway=${url}`)
  assert.equal(next.status, 0, next.err)
  const group = `instance/${hostname()}`
  assert.deepEqual(
    requests.slice(1).map(({ path }) => path),
    [`/metrics/job/j/${group}`, `/metrics/job/k/${group}`],
  )
  assert.deepEqual(readdirSync(join(state, 'spool')), ['queue'])
})

test('with the buffer in memory, undelivered samples are lost', async (t) => {
  const file = join(temporary(t), 'config.json')
  for (const output of ['pushgateway', 'remote_write']) {
    const config = { [output]: [{ url: `http://127.0.0.1:${await freePort()}` }], buffer: { mode: 'memory' } }
    writeFileSync(file, JSON.stringify(config))
    const { status, err } = await push('a 1\n', '--job=j', `--config.file=${file}`, '--timeout=1.5s')
    assert.equal(status, 1)
    assert.match(err, /^hostpush: 1 of 1 sample for http:\S+ lost: .*ECONNREFUSED.*\n$/)
  }
})

test('rejected samples are saved as dead letters, the others are delivered', async (t) => {
  const { url } = await startGateway(t, ({ body }) => (body.includes('TYPE a ') ? [400, 'not so'] : undefined))
  const gateway = await push('a 1\nb 1\nc 1\n', '--job=j', `--pushgateway=${url}`)
  assert.equal(gateway.status, 1)
  assert.match(
    gateway.err,
    /^hostpush: 1 of 3 samples for http:\S+ rejected and saved as dead letters \(.*\): rejected metrics a: HTTP 400: not so\n$/,
  )
  const receiver = await createFaultyReceiver({
    faultPlan: () => ({ status: 400, body: 'out of bounds' }),
  })
  t.after(() => receiver.close())
  const endpoint = await push('a 1\n', '--job=j', `--remote-write.url=${receiver.url}/api/v1/write`, '--timeout=3s')
  assert.equal(endpoint.status, 3, 'a receiver that rejects everything is retried')
  assert.match(
    endpoint.err,
    /^hostpush: 1 of 1 sample for http:\S+ not delivered, kept in the buffer for the agent or the next command: the receiver rejects all samples: .*out of bounds.*\n$/,
  )
})

/** Runs `buffer` for these pushes. */
const buffer = (...args: string[]) =>
  commandLine(
    ['buffer', ...args, '--endpoint=pushgateway:gw'],
    { STATE_DIRECTORY: state },
    new AbortController().signal,
  )

/** The dead letters of the gateway `gw`. */
async function deadLetters(): Promise<readonly string[]> {
  const { out } = await buffer('export', '--dead-letters')
  const lines = out.split('\n').filter((line) => line !== '' && !/^# (HELP|TYPE)/.test(line))
  return lines.map((line) => line.replace(/instance=".*?"/, 'instance=""').replace(/ \d{13}$/, ''))
}

const gatewayNamed = (t: TestContext, url: string, more = {}) => {
  const file = join(temporary(t), 'config.json')
  writeFileSync(file, JSON.stringify({ pushgateway: [{ name: 'gw', url }], ...more }))
  return `--config.file=${file}`
}

test('metrics that a gateway rejects, or the whole push, are dead letters with the reason, also from the spool', async (t) => {
  t.after(() => buffer('drop', '--dead-letters', '--yes'))
  let answer: (body: string) => Answer | undefined = () => 'hang'
  const { url } = await startGateway(t, ({ body }) => answer(body))
  const config = gatewayNamed(t, url)
  assert.equal((await push('left 1\nfine 1\n', '--job=before', config, '--timeout=1s')).status, 3)
  answer = (body) => (/TYPE (left|a|b) /.test(body) ? [400, `not ${body.includes('TYPE b ') ? 'b' : 'so'}`] : undefined)
  const some = await push('a{x="1"} 1\na{x="2"} 2\nb 3\nc 4\n', '--job=j', config)
  assert.equal(some.status, 1)
  assert.match(
    some.err,
    /hostpush: 3 of 4 samples for http:\S+ rejected and saved as dead letters \(.*\): rejected metrics a b: HTTP 400/,
  )
  assert.deepEqual(await deadLetters(), [
    '# rejected by pushgateway:gw: HTTP 400: not so (metrics left)',
    'left{job="before",instance=""} 1',
    '# rejected by pushgateway:gw: HTTP 400: not so (metrics a); HTTP 400: not b (metrics b)',
    'a{job="j",instance="",x="1"} 1',
    'a{job="j",instance="",x="2"} 2',
    'b{job="j",instance=""} 3',
  ])
  await buffer('drop', '--dead-letters', '--yes')
  answer = () => [400, 'no group of this kind']
  const whole = await push('a 1\nb 2\n', '--job=j', config)
  assert.equal(whole.status, 1)
  assert.match(
    whole.err,
    /hostpush: 2 of 2 samples for http:\S+ rejected and saved as dead letters \(.*\): HTTP 400: no group/,
  )
  const remark = '# rejected by pushgateway:gw: HTTP 400: no group of this kind'
  assert.deepEqual(await deadLetters(), [remark, 'a{job="j",instance=""} 1', 'b{job="j",instance=""} 2'])
})

test('with the buffer in memory, rejected samples are reported as lost', async (t) => {
  const { url } = await startGateway(t, ({ body }) => (body.includes('TYPE a ') ? [400, 'not so'] : undefined))
  const { status, err } = await push('a 1\nb 1\n', '--job=j', gatewayNamed(t, url, { buffer: { mode: 'memory' } }))
  assert.equal(status, 1)
  assert.match(err, /hostpush: 1 of 2 samples for http:\S+ lost: rejected metrics a: HTTP 400: not so\n$/)
  assert.match(
    (await buffer('export', '--dead-letters')).err,
    /unknown endpoint pushgateway:gw|there are no dead letters/,
  )
})

const misuse: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [['--pushgateway=http://x'], /^hostpush: --job=NAME is required/],
  [['--job=', '--pushgateway=http://x'], /^hostpush: --job=NAME is required/],
  [['--job=j'], /^hostpush: no destination: /],
  [
    ['--job=j', '--pushgateway=x:9091'],
    /^hostpush: --pushgateway: x:9091 is not a URL that begins with http:\/\/ or https:\/\//,
  ],
  [['--job=j', '--remote-write.url=ftp://x'], /^hostpush: --remote-write.url: ftp:\/\/x is not/],
  [['--job=j', '--pushgateway=http://x', '--config.file=y'], /^hostpush: --config.file and a URL flag cannot be used/],
  [['--job=j', '--pushgateway=http://x', '--label=a'], /^hostpush: --label: a is not NAME=VALUE/],
  [['--job=j', '--pushgateway=http://x', '--label=1a=b'], /^hostpush: --label: 1a=b is not NAME=VALUE/],
  [['--job=j', '--pushgateway=http://x', '--label=job=b'], /^hostpush: --label: use --job for the job/],
  [['--job=j', '--pushgateway=http://x', '--label=__a=b'], /^hostpush: --label: __a is reserved/],
  [['--job=j', '--pushgateway=http://x', '--timeout=5'], /^hostpush: --timeout: 5 is not a duration/],
  [['--job=j', '--pushgateway=http://x', 'a', 'b'], /^hostpush: expected one file, got 2: a b/],
]
for (const [args, message] of misuse) {
  test(`push ${args.join(' ')} is a usage error`, async () => {
    const { status, err } = await push('a 1\n', ...args)
    assert.equal(status, 2)
    assert.match(err, message)
  })
}
