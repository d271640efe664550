import fc from 'fast-check'
import type { FileReader } from '../../src/host/fs/files.ts'
import type { Services } from '../../src/host/services.ts'

/** Content of a file: bytes, or the errno of a read. */
export type Content = Uint8Array | { readonly error: string }

/** Pieces of kernel files, expected and unexpected ones. */
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

/** For fast-check: unexpected contents of a kernel file. */
export const content: fc.Arbitrary<Content> = fc.oneof(
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

/** File names that collectors look for. */
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

/** A tree in which every path exists, as file and as directory; the path selects the content. Deep paths are missing. */
export function invented(contents: readonly Content[], salt: number): FileReader {
  const hash = (path: string) => {
    let value = salt
    for (const char of path) value = (Math.imul(value, 31) + (char.codePointAt(0) ?? 0)) >>> 0
    return Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) >>> 0
  }
  const find = (path: string): Uint8Array => {
    const found = contents[hash(path) % contents.length] ?? bytes('')
    const error = path.split('/').length > 9 ? 'ENOENT' : 'error' in found ? found.error : undefined
    if (error !== undefined) throw Object.assign(new Error(`${error}: ${path}`), { code: error })
    return found as Uint8Array // errors were thrown above
  }
  return {
    read: (path, limit) => Buffer.from(find(String(path))).subarray(0, limit),
    readRegular: (path) => ({ bytes: Buffer.from(find(String(path))), mtimeMs: 0, isPublic: true }),
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
    endCycle() {},
    close() {},
  }
}

/** Services that answer with invented contents. */
export function babbling(files: FileReader): Services {
  const sentNs = 1_700_000_000_000_000_000n
  return {
    systemBus: () => Promise.reject(new Error('no bus')),
    systemd: () => Promise.reject(new Error('no systemd')),
    datagram: async () => ({ bytes: files.read('datagram'), sentNs, receivedNs: sentNs + 1_000_000n }),
    post: async () => files.read('post').toString(),
    get: async () => ({ status: 200, headers: {}, bytes: files.read('get') }),
  }
}
