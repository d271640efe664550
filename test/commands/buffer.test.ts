import assert from 'node:assert/strict'
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { crc32 } from 'node:zlib'
import type { DiskBuffer } from '../../src/buffer/disk-buffer.ts'
import { openDisk } from '../../src/buffer/index.ts'
import { systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { options, signal, snapshots } from '../support/buffer.ts'
import { temporary } from '../support/servers.ts'
import { commandLine } from '../support/terminal.ts'

/** Four snapshots of two samples each. The backlog of `slow` is all of them, that of `fast` is one; one was rejected. */
async function filled(t: TestContext): Promise<{ directory: string; buffer: DiskBuffer }> {
  const directory = temporary(t)
  const deps = { clock: systemClock, log: silent, bootId: '' }
  const buffer = await openDisk({ ...options, directory }, deps, true)
  buffer.cursor('slow')
  const fast = buffer.cursor('fast')
  const next = snapshots(2)
  for (let i = 1; i <= 4; i++) buffer.append(next(i))
  await fast.read({ samples: 6 }, signal)
  await fast.commit(3)
  const entries = await fast.read({ samples: 1 }, signal)
  await fast.saveDeadLetter({ reason: 'the receiver said: out of bounds', entries })
  return { directory, buffer }
}

const run = (directory: string, ...args: string[]) =>
  commandLine(['buffer', ...args, `--directory=${directory}`], { HOME: '/nonexistent' })

/** How `buffer` shows an endpoint that is not in the configuration. */
const shown = (name: string) => `endpoint ${name} (URL unknown: not in the configuration)`

for (const isRunning of [true, false]) {
  const when = isRunning ? 'while the agent runs' : 'while no agent runs'
  const prepared = async (t: TestContext) => {
    const { directory, buffer } = await filled(t)
    if (!isRunning) await buffer.close()
    else t.after(() => buffer.close())
    return directory
  }

  test(`ls lists the backlog of each endpoint and dead letters, ${when}`, async (t) => {
    const directory = await prepared(t)
    const { status, out, err } = await run(directory, 'ls')
    assert.deepEqual([status, err], [0, ''])
    const [head, ...rest] = out.trimEnd().split('\n')
    assert.match(head ?? '', new RegExp(`^${directory}: [\\d.]+ (?:Ki)?B in 1 segment$`))
    assert.match(
      rest[0] ?? '',
      /^endpoint slow \(URL unknown: not in the configuration\): backlog of 4 snapshots, 8 samples, [\d.]+ (?:Ki)?B, oldest \d+ d( \d+ h)? ago, from 2023-11-14T22:13:35.000Z to 2023-11-14T22:14:20.000Z$/,
    )
    assert.match(
      rest[1] ?? '',
      /^endpoint fast \(URL unknown: .*\): backlog of 1 snapshot, 2 samples, [\d.]+ (?:Ki)?B, oldest /,
    )
    assert.match(
      rest[2] ?? '',
      /^endpoint fast \(URL unknown: .*\): 2 samples rejected, last .*Z: the receiver said: out of bounds \(Check the clock of this host/,
    )
  })

  test(`export prints the samples of an endpoint with timestamps and all labels, ${when}`, async (t) => {
    const directory = await prepared(t)
    assert.equal(
      (await run(directory, 'export', '--endpoint=fast')).out,
      '# HELP temperature Degrees.\n# TYPE temperature gauge\n' +
        'temperature{job="test",room="r0"} 4 1700000060000\ntemperature{job="test",room="r1"} 4.001 1700000060000\n',
    )
    const { out } = await run(directory, 'export', '--format=json')
    assert.equal(out.trimEnd().split('\n').length, 8)
    assert.deepEqual(JSON.parse(out.split('\n')[1] ?? ''), {
      metric: { __name__: 'temperature', job: 'test', room: 'r1' },
      values: [1.001],
      timestamps: [1_700_000_015_000],
    })
    const refused = (await run(directory, 'export', '--dead-letters')).out.split('\n')
    assert.equal(refused[0], '# rejected by fast: the receiver said: out of bounds')
    assert.equal(refused[3], 'temperature{job="test",room="r0"} 4 1700000060000')
  })

  test(`drop deletes only with --yes, by endpoint and time, ${when}`, async (t) => {
    const directory = await prepared(t)
    const asked = await run(directory, 'drop', '--endpoint=slow', '--before=2023-11-14T22:14:00Z')
    assert.deepEqual([asked.status, asked.out], [1, `${shown('slow')}: drops 4 samples of the backlog\n`])
    await run(directory, 'drop', '--endpoint=slow', '--before=2023-11-14T22:14:00Z', '--yes')
    const { out } = await run(directory, 'ls')
    assert.match(out, /endpoint slow \(.*\): backlog of 2 snapshots, 4 samples/)
    assert.match(out, /endpoint fast \(.*\): backlog of 1 snapshot/)
    if (isRunning) assert.match(out, /dropped: 4 samples, reason dropped_by_user/)
    await run(directory, 'drop', '--yes')
    assert.deepEqual((await run(directory, 'ls')).out.match(/no backlog|rejected/g), ['no backlog', 'no backlog'])
  })
}

test('ls and drop print counts with spaces between groups of three digits', async (t) => {
  const directory = temporary(t)
  const buffer = await openDisk({ ...options, directory }, { clock: systemClock, log: silent, bootId: '' }, true)
  t.after(() => buffer.close())
  const slow = buffer.cursor('slow')
  buffer.append(snapshots(1015)(1))
  const entries = await slow.read({ samples: 1 }, signal)
  await slow.saveDeadLetter({ reason: 'out of bounds', entries })
  const { out } = await run(directory, 'ls')
  assert.match(out, /backlog of 1 snapshot, 1 015 samples/)
  assert.match(out, /: 1 015 samples rejected/)
  assert.equal(
    (await run(directory, 'drop')).out,
    `${shown('slow')}: drops 1 015 samples of the backlog (1 015 of them were sent at least once and may still be delivered)\n${shown('slow')}: drops 1 015 rejected samples\n`,
  )
})

test('a URL of several endpoints is an error that names them', async (t) => {
  const { directory, buffer } = await filled(t)
  t.after(() => buffer.close())
  const url = 'http://127.0.0.1:1/api/v1/write'
  const file = `${directory}/config.json`
  const blocks = ['slow', 'fast'].map((name) => ({ url, name }))
  await writeFile(file, JSON.stringify({ remote_write: blocks }))
  const given = [`--config.file=${file}`]
  const { status, err } = await run(directory, 'drop', `--endpoint=${url}`, ...given)
  assert.deepEqual(
    [status, err],
    [1, `hostpush: buffer: 2 endpoints have the URL ${url}, choose one by name: --endpoint=slow or --endpoint=fast\n`],
  )
  const chosen = await run(directory, 'drop', '--endpoint=slow', ...given)
  assert.equal(chosen.out, `${url} (slow): drops 8 samples of the backlog\n`)
})

test('dead letters can be dropped separately', async (t) => {
  const { directory, buffer } = await filled(t)
  t.after(() => buffer.close())
  const asked = await run(directory, 'drop', '--dead-letters')
  assert.deepEqual([asked.status, asked.out], [1, `${shown('fast')}: drops 2 rejected samples\n`])
  await run(directory, 'drop', '--dead-letters', '--yes')
  const { out } = await run(directory, 'ls')
  assert.match(out, /endpoint slow \(.*\): backlog of 4 snapshots/)
  assert.doesNotMatch(out, /rejected/)
  const again = await run(directory, 'drop', '--dead-letters')
  assert.deepEqual([again.status, again.out], [0, 'nothing to drop\n'])
})

test('export without an endpoint prints samples in the backlog of any endpoint, and none that all endpoints received', async (t) => {
  const { directory, buffer } = await filled(t)
  t.after(() => buffer.close())
  await run(directory, 'drop', '--endpoint=slow', '--before=2023-11-14T22:14:00Z', '--yes')
  const values = (await run(directory, 'export')).out.split('\n').filter((line) => line.includes('r0'))
  assert.deepEqual(
    values.map((line) => line.split(' ')[1]),
    ['3', '4'],
  )
  await run(directory, 'drop', '--yes')
  assert.deepEqual(await run(directory, 'export'), { status: 0, out: '', err: 'hostpush: the backlog is empty\n' })
})

test('the backlog of an endpoint with a longer interval contains only the snapshots that it reads, also if no agent runs', async (t) => {
  const directory = temporary(t)
  const buffer = await openDisk({ ...options, directory }, { clock: systemClock, log: silent, bootId: '' }, true)
  buffer.cursor('default')
  const next = snapshots(1)
  for (let i = 0; i < 16; i++) buffer.append(next(i * 4 + 4)) // 1,700,000,040 s is a multiple of 60 s
  await buffer.close()
  const endpoint = { url: 'http://127.0.0.1:1/', interval: '2m' }
  const file = `${directory}/config.json`
  await writeFile(file, JSON.stringify({ global: { scrape_interval: '60s' }, remote_write: [endpoint] }))
  const given = [`--config.file=${file}`]
  assert.match(
    (await run(directory, 'ls', ...given)).out,
    /http:\/\/127\.0\.0\.1:1\/: backlog of 8 snapshots, 8 samples/,
  )
  assert.equal((await run(directory, 'export', '--format=json', ...given)).out.trimEnd().split('\n').length, 8)
  assert.match(
    (await run(directory, 'drop', ...given)).out,
    /http:\/\/127\.0\.0\.1:1\/: drops 8 samples of the backlog/,
  )
})

test('the backlog of batch commands is listed, exported and dropped too', async (t) => {
  const directory = temporary(t)
  const receiver = `--remote-write.url=http://127.0.0.1:1/api/v1/write`
  const environment = { STATE_DIRECTORY: directory, HOME: '/nonexistent' }
  for (const value of [1, 2]) {
    const pushed = await commandLine(
      ['push', receiver, '--timeout=100ms', '--job=backup'],
      environment,
      new AbortController().signal,
      `answer ${value}\n`,
    )
    assert.equal(pushed.status, 3, pushed.err)
  }
  const { out } = await run(directory, 'ls')
  const [head, row] = out.split('\n')
  assert.match(head ?? '', new RegExp(`^${directory}/spool: [\\d.]+ (?:Ki)?B in 2 logs of batch commands$`))
  const [, endpoint = ''] =
    /^endpoint (\S+) \(URL unknown: not in the configuration\), from 2 batch commands: backlog of 2 snapshots, \d+ samples, [\d.]+ (?:Ki)?B/.exec(
      row ?? '',
    ) ?? []
  assert.ok(endpoint, out)
  const exported = (await run(directory, 'export', `--endpoint=${endpoint}`)).out
  assert.deepEqual(exported.match(/^answer\{.*\} \d/gm)?.length, 2)
  await run(directory, 'drop', `--endpoint=${endpoint}`, '--yes')
  assert.equal((await run(directory, 'ls')).out, `${directory}: the buffer is empty\n`)
  assert.deepEqual(await readdir(directory), ['spool'])
})

test('a missing or unreadable directory is an error and is not created', async (t) => {
  const directory = temporary(t)
  await writeFile(`${directory}/file`, '')
  const wrong: [string, number, RegExp][] = [
    [`${directory}/nowhere`, 1, /buffer: cannot read \S+nowhere: no such directory; use --config\.file or --directory/],
    [`${directory}/file`, 1, /cannot read \S+file: not a directory/],
    ['', 2, /--directory: expected a path/],
  ]
  for (const [path, status, message] of wrong) {
    const given = await run(path, 'ls')
    assert.equal(given.status, status)
    assert.match(given.err, message)
  }
  assert.equal((await run(directory, 'ls')).out, `${directory}: the buffer is empty\n`)
  assert.deepEqual(await readdir(directory), ['file'])
})

/** Every name below a directory with mode, owner, size and time. */
async function treeOf(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory, { recursive: true })).sort()
  const rows = names.map(async (name) => {
    const { mode, uid, gid, size, mtimeMs } = await lstat(`${directory}/${name}`)
    return [name, mode.toString(8), uid, gid, size, mtimeMs].join(' ')
  })
  return Promise.all(rows)
}

test('corrupt places and segments of another version are reported, and reading commands write nothing', async (t) => {
  const { directory, buffer } = await filled(t)
  await buffer.close()
  const path = `${directory}/log/0000000000000001.segment`
  const bytes = await readFile(path)
  const whole = Buffer.from(bytes)
  whole[200] = (whole[200] ?? 0) ^ 1
  await writeFile(path, Buffer.concat([whole, Buffer.from('torn')]))
  const before = await treeOf(directory)
  assert.match((await run(directory, 'export')).err, /Corrupt bytes in a buffer segment skipped/)
  assert.match((await run(directory, 'drop')).out, /endpoint slow \(.*\): drops 8 samples/)
  bytes.writeUInt16LE(99, 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  assert.match((await run(directory, 'ls')).out, /in 1 segment\n/)
  assert.deepEqual(await treeOf(directory), before)
  await writeFile(path, bytes)
  for (const verb of [['ls'], ['export'], ['export', '--endpoint=slow'], ['drop', '--yes']]) {
    const { status, err } = await run(directory, ...verb)
    assert.deepEqual([status, err.match(/has format version 99, this hostpush supports version 3/g)?.length], [1, 1])
  }
  assert.deepEqual(await readFile(path), bytes)
  assert.ok((await readdir(directory)).includes('cursors'))
})

test('drop warns that samples in flight may still be delivered', async (t) => {
  const { directory, buffer } = await filled(t)
  t.after(() => buffer.close())
  const slow = buffer.cursor('slow')
  const entries = await slow.read({ samples: 4 }, signal)
  await slow.markInFlight({ first: 1, last: entries.at(-1)?.sequence ?? 0, note: '' })
  const { out } = await run(directory, 'drop', '--endpoint=slow')
  assert.equal(
    out,
    `${shown('slow')}: drops 8 samples of the backlog (4 of them were sent at least once and may still be delivered)\n`,
  )
  await run(directory, 'drop', '--endpoint=slow', '--yes')
  assert.equal(buffer.stats.dropped.get('slow')?.get('dropped_by_user'), 4)
})

interface Listing {
  readonly bytes: number
  readonly endpoints: readonly { readonly bytes: number }[]
  readonly dead_letters: readonly { readonly newest: string }[]
}

test('ls --format=json prints one object, and the documentation describes every field', async (t) => {
  const { directory, buffer } = await filled(t)
  t.after(() => buffer.close())
  const { status, out } = await run(directory, 'ls', '--format=json')
  assert.equal(status, 0)
  const listing: Listing = JSON.parse(out)
  const [slow, fast] = listing.endpoints.map(({ bytes }) => bytes)
  assert.ok(listing.bytes > 0 && Number(slow) > 0 && Number(fast) > 0)
  assert.deepEqual(listing, {
    directory,
    ...{ bytes: listing.bytes, segments: 1, kept_bytes: 0, kept_segments: 0, corrupt_places: 0, problem: null },
    endpoints: [
      {
        ...{ endpoint: 'slow', snapshots: 4, samples: 8, bytes: slow },
        ...{ oldest: '2023-11-14T22:13:35.000Z', newest: '2023-11-14T22:14:20.000Z' },
        ...{ configured: true, dropped: {} },
      },
      {
        ...{ endpoint: 'fast', snapshots: 1, samples: 2, bytes: fast },
        ...{ oldest: '2023-11-14T22:14:20.000Z', newest: '2023-11-14T22:14:20.000Z' },
        ...{ configured: true, dropped: {} },
      },
    ],
    dead_letters: [
      {
        ...{ endpoint: 'fast', reason: 'the receiver said: out of bounds', samples: 2 },
        newest: listing.dead_letters[0]?.newest,
      },
    ],
    commands: [],
  })
  const page = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const fields = [listing, ...listing.endpoints, ...listing.dead_letters].flatMap(Object.keys)
  for (const field of fields) assert.ok(page.includes(`\`${field}\``), field)
  const nowhere = JSON.parse((await run(temporary(t), 'ls', '--format=json')).out)
  assert.deepEqual(Object.keys(nowhere), Object.keys(listing))
})

test('a wrong endpoint, format, time or verb is an error', async (t) => {
  const { directory, buffer } = await filled(t)
  t.after(() => buffer.close())
  const wrong: [string[], number, RegExp][] = [
    [['export', '--endpoint=x'], 1, /unknown endpoint x, known endpoints: slow, fast/],
    [['export', '--format=xml'], 2, /--format: xml is not one of text, json/],
    [['drop', '--before=yesterday'], 2, /--before: yesterday is not a time such as .* or an age/],
    [['list'], 2, /unknown command buffer list, expected ls, export or drop/],
    [['ls', '--endpoint=slow'], 2, /--endpoint cannot be used with buffer ls/],
    [['export', '--before=6h'], 2, /--before cannot be used with buffer export/],
    [['ls', '--format=xml'], 2, /--format: xml is not one of text, json/],
    [['export', '--yes'], 2, /--yes cannot be used with buffer export/],
    [['drop', '--format=json'], 2, /--format cannot be used with buffer drop/],
    [[], 2, /expected ls, export or drop/],
  ]
  for (const [args, status, message] of wrong) {
    const given = await run(directory, ...args)
    assert.equal(given.status, status)
    assert.match(given.err, message)
  }
})
