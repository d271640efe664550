import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { DiskBuffer } from '../../src/buffer/disk.ts'
import { openDisk } from '../../src/buffer/index.ts'
import { systemClock } from '../../src/clock.ts'
import { silent } from '../../src/log.ts'
import { options, signal, snapshots } from '../buffer/log.ts'
import { temporary } from '../servers.ts'
import { commandLine } from '../terminal.ts'

/** Four snapshots of two samples each; the endpoint `slow` has had none, `fast` all but one; one was refused. */
async function filled(t: TestContext): Promise<{ directory: string; buffer: DiskBuffer }> {
  const directory = temporary(t)
  const needs = { clock: systemClock, log: silent, bootId: '' }
  const buffer = await openDisk({ ...options, directory }, needs, true)
  buffer.cursor('slow')
  const fast = buffer.cursor('fast')
  const next = snapshots(2)
  for (let i = 1; i <= 4; i++) buffer.append(next(i))
  await fast.read({ samples: 6 }, signal)
  await fast.move(3)
  const entries = await fast.read({ samples: 1 }, signal)
  await fast.setAside({ reason: 'the receiver said: out of bounds', entries })
  return { directory, buffer }
}

const run = (directory: string, ...args: string[]) =>
  commandLine(['buffer', ...args, `--directory=${directory}`], { HOME: '/nonexistent' })

for (const isRunning of [true, false]) {
  const when = isRunning ? 'while the agent runs' : 'while none runs'
  const prepared = async (t: TestContext) => {
    const { directory, buffer } = await filled(t)
    if (!isRunning) await buffer.close()
    else t.after(() => buffer.close())
    return directory
  }

  test(`ls says what waits for whom and what was set aside, ${when}`, async (t) => {
    const directory = await prepared(t)
    const { status, out, err } = await run(directory, 'ls')
    assert.deepEqual([status, err], [0, ''])
    const [head, ...rest] = out.trimEnd().split('\n')
    assert.match(head ?? '', new RegExp(`^${directory}: \\d+ bytes in 1 segment$`))
    assert.match(
      rest[0] ?? '',
      /^slow: 4 snapshots, 8 samples, \d+ bytes wait, from 2023-11-14T22:13:35.000Z to 2023-11-14T22:14:20.000Z$/,
    )
    assert.match(rest[1] ?? '', /^fast: 1 snapshot, 2 samples, \d+ bytes wait/)
    assert.match(
      rest[2] ?? '',
      /^fast: 2 samples set aside, last .*Z: the receiver said: out of bounds \(too old for the receiver/,
    )
  })

  test(`export gives the samples of an endpoint with their times and all labels, ${when}`, async (t) => {
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
    const refused = (await run(directory, 'export', '--refused')).out.split('\n')
    assert.equal(refused[0], '# refused by fast: the receiver said: out of bounds')
    assert.equal(refused[3], 'temperature{job="test",room="r0"} 4 1700000060000')
  })

  test(`drop does it with --yes alone, by endpoint and time, ${when}`, async (t) => {
    const directory = await prepared(t)
    const asked = await run(directory, 'drop', '--endpoint=slow', '--before=2023-11-14T22:14:00Z')
    assert.deepEqual([asked.status, asked.out], [1, 'slow: 4 samples would never be delivered\n'])
    await run(directory, 'drop', '--endpoint=slow', '--before=2023-11-14T22:14:00Z', '--yes')
    const { out } = await run(directory, 'ls')
    assert.match(out, /slow: 2 snapshots, 4 samples/)
    assert.match(out, /fast: 1 snapshot/)
    if (isRunning) assert.match(out, /not delivered: 4 samples, dropped_by_user/)
    await run(directory, 'drop', '--yes')
    assert.deepEqual((await run(directory, 'ls')).out.match(/nothing waits|set aside/g), [
      'nothing waits',
      'nothing waits',
    ])
  })
}

test('a wrong endpoint, format, time or verb is said', async (t) => {
  const { directory, buffer } = await filled(t)
  t.after(() => buffer.close())
  const wrong: [string[], number, RegExp][] = [
    [['export', '--endpoint=x'], 1, /no endpoint is called x; there are: slow, fast/],
    [['export', '--format=xml'], 2, /--format: xml is none of text, json/],
    [['drop', '--before=yesterday'], 2, /--before: yesterday is neither a time/],
    [['list'], 2, /unknown: buffer list/],
    [[], 2, /ls, export or drop is expected/],
  ]
  for (const [args, status, message] of wrong) {
    const given = await run(directory, ...args)
    assert.equal(given.status, status)
    assert.match(given.err, message)
  }
})
