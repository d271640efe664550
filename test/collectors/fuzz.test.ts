import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../../src/clock.ts'
import { type Collector, collector } from '../../src/collector.ts'
import { collectors } from '../../src/collectors/index.ts'
import { createCycle } from '../../src/cycle.ts'
import { Dir } from '../../src/host/dir.ts'
import type { Files } from '../../src/host/files.ts'
import type { Services } from '../../src/host/services.ts'
import { silent } from '../../src/log.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import type { Snapshot } from '../../src/metrics/snapshot.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { hostOf, valuesOf } from '../collect.ts'

/** FUZZ_RUNS=1000 looks harder, and elsewhere each time. */
const parameters = process.env.FUZZ_RUNS ? { numRuns: Number(process.env.FUZZ_RUNS) } : { numRuns: 25, seed: 1 }

/** What a file may hold: bytes, or the errno that reading it gives. */
type Content = Uint8Array | { readonly error: string }

/** Pieces of kernel files: what parsers look for, and what they do not expect. */
const words = [
  ...[
    '0',
    '1',
    '-1',
    '2',
    '100',
    '4.25',
    '1e3',
    '007',
    '0x1f',
    'ffffffff',
    '18446744073709551615',
    '9223372036854775808',
  ],
  ...[
    ' ',
    ' ',
    ' ',
    '\t',
    '\n',
    '\n',
    '\n',
    ':',
    '=',
    ',',
    '|',
    '(',
    ')',
    '[',
    ']',
    '/',
    '-',
    '"',
    '\\',
    '\0',
    '@',
    '%',
  ],
  ...[
    'cpu',
    'cpu0',
    'eth0',
    'lo',
    'sda',
    'md0',
    'Node 0, zone',
    'TcpExt:',
    'Tcp:',
    'some avg10=',
    'full',
    'name',
    'data',
  ],
  ...['kB', 'active', 'raid1', 'on', 'up', 'btime', 'intr', 'ctxt', 'entries', 'rpc', 'net', 'proc4', 'device', 'used'],
  ...['00000000:0001', '01:00.0', 'Inter-|', 'NaN', 'Infinity', 'é', '\u2028', 'constructor', '__proto__'],
]

const content: fc.Arbitrary<Content> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(fc.constantFrom(...words), { maxLength: 60 }).map((all) => Buffer.from(all.join(''))),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('', '\n', '0\n', '1\n', '42 kB\n', '-7', '1 2 3 4 5 6 7 8 9 10 11 12').map(bytes),
  },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('ENOENT', 'EACCES', 'EIO', 'ENODEV', 'EINVAL', 'ENODATA', 'EISDIR', 'ENOTDIR', 'ELOOP')
      .map((error) => ({ error })),
  },
)

function bytes(text: string): Uint8Array {
  return Buffer.from(text)
}

/** Names by which collectors find what they are about. */
const names = [
  ...['0', '1', '10', 'cpu0', 'cpu1', 'node0', 'eth0', 'lo', 'sda', 'md0', 'dm-0', 'bcache0', 'bdev0', 'cache0', 'st0'],
  ...['nvme0', 'nvme0n1', 'nvme-subsys0', 'nvme0c0n1', 'card0', 'mc0', 'csrow0', 'host0', 'hwmon0', 'mlx5_0', 'index0'],
  ...[
    'thermal_zone0',
    'cooling_device0',
    'clocksource0',
    'watchdog0',
    'policy0',
    'intel-rapl:0',
    'package-0',
    '0000:00:02.0',
  ],
  ...[
    'temp1_input',
    'temp1_label',
    'in0_input',
    'fan1_alarm',
    'BAT0',
    'objset-0x36',
    'io',
    'state',
    'tank',
    'nf_conntrack',
  ],
  ...['spectre_v2', 'a.prom', 'queues', 'statistics', 'slave_eth0', '\uFFFD', 'é'],
]

/** Everything is there, as file and as directory, with one of the contents by its path. Deep down there is nothing. */
function invented(contents: readonly Content[], salt: number): Files {
  const hash = (path: string) => {
    let value = salt
    for (const char of path) value = (Math.imul(value, 31) + (char.codePointAt(0) ?? 0)) >>> 0
    return Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) >>> 0
  }
  const find = (path: string): Uint8Array => {
    const found = contents[hash(path) % contents.length] ?? bytes('')
    const error = path.split('/').length > 9 ? 'ENOENT' : 'error' in found ? found.error : undefined
    if (error !== undefined) throw Object.assign(new Error(`${error}: ${path}`), { code: error })
    return found as Uint8Array // errors have been thrown
  }
  return {
    read: (path, limit) => Buffer.from(find(String(path))).subarray(0, limit),
    list: (path) => {
      find(`${path}/`)
      return names.filter((name) => hash(`${path}/${name}?`) % 6 === 0).sort()
    },
    status: (path) => {
      find(`${path}/`)
      return { kind: hash(`${path}!`) % 4 === 0 ? 'file' : 'directory', mtimeMs: 0 }
    },
    link: (path) =>
      `../${Buffer.from(find(String(path)))
        .toString()
        .slice(0, 20)}`,
    real: (path) => `/${path}`,
    settle() {},
  }
}

const canary = gauge('canary', 'There in every cycle.', ['side'])
const side = (name: string) => collector({ name, collect: ({ emit }) => emit(canary, 1, { side: name }) })

/** Services that answer with what a file would hold. */
function babbling(files: Files): Services {
  const sentNs = 1_700_000_000_000_000_000n
  return {
    systemBus: () => Promise.reject(new Error('no bus')),
    systemd: () => Promise.reject(new Error('no systemd')),
    datagram: async () => ({ bytes: files.read('datagram'), sentNs, receivedNs: sentNs + 1_000_000n }),
    post: async () => files.read('post').toString(),
  }
}

/** Two cycles of a collector between two others, and what it threw. */
async function run(subject: Collector, files: Files): Promise<{ snapshots: Snapshot[]; thrown: unknown[] }> {
  const thrown: unknown[] = []
  const watched: Collector = {
    ...subject,
    async collect(context) {
      try {
        await subject.collect(context)
      } catch (error) {
        thrown.push(error)
        throw error
      }
    },
  }
  const cycle = createCycle({
    host: hostOf((tree, path = '') => new Dir(files, `${tree}/${path}`), { services: babbling(files) }),
    enabled: [side('before'), watched, side('after')].map((one) => ({
      collector: one,
      options: valuesOf(one.options),
    })),
    interfaces: () => true,
    builder: new SnapshotBuilder(new SeriesTable()),
    clock: systemClock,
    log: silent,
    deadlineMs: 5000,
    own: () => {},
  })
  return { snapshots: [(await cycle(0)).snapshot, (await cycle(15_000)).snapshot], thrown }
}

/** Errors that JavaScript throws where the program is wrong, not the input. */
const slips = [TypeError, ReferenceError, RangeError, SyntaxError]

function check(snapshot: Snapshot, isNaNAllowed: boolean): void {
  const canaries = snapshot.series.filter(({ family }) => family === canary).length
  assert.equal(canaries, 2, 'samples of other collectors are lost')
  snapshot.series.forEach(({ family, labelValues }, i) => {
    const name = family.name + family.suffix
    assert.match(name, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/)
    for (const label of family.labelNames) assert.match(label, /^[a-zA-Z_][a-zA-Z0-9_]*$/)
    for (const value of labelValues) assert.ok(value.isWellFormed(), `${name}: ${JSON.stringify(value)}`)
    if (!isNaNAllowed) assert.ok(!Number.isNaN(snapshot.values[i]), `${name} is NaN`)
  })
}

for (const one of collectors)
  test(`${one.name} survives a host that makes no sense`, async () => {
    const world = fc.tuple(fc.array(content, { minLength: 1, maxLength: 6 }), fc.nat())
    await fc.assert(
      fc.asyncProperty(world, async ([contents, salt]) => {
        const { snapshots, thrown } = await run(one, invented(contents, salt))
        const isNaNAllowed = contents.some((text) => !('error' in text) && /nan/i.test(Buffer.from(text).toString()))
        for (const snapshot of snapshots) check(snapshot, isNaNAllowed)
        for (const error of thrown) if (slips.some((slip) => error instanceof slip)) throw error
      }),
      parameters,
    )
  })
