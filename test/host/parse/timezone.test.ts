import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Dir } from '../../../src/host/fs/dir.ts'
import { zoneAt, zoneBy, zoneIn } from '../../../src/host/parse/timezone.ts'
import { type Tree, textFiles } from '../../support/tree.ts'

interface Kind {
  readonly name: string
  readonly offset: number
  readonly summer?: boolean
}

type Transition = readonly [seconds: number, kind: number]

/** A block of a TZif file: RFC 9636, section 3. */
function block(version: string, size: 4 | 8, kinds: readonly Kind[], transitions: readonly Transition[]): Buffer {
  const names = kinds.map(({ name }) => `${name}\0`)
  const header = Buffer.alloc(44)
  header.write(`TZif${version}`, 'latin1')
  for (const [i, count] of [0, 0, 0, transitions.length, kinds.length, names.join('').length].entries())
    header.writeUInt32BE(count, 20 + i * 4)
  const times = transitions.map(([seconds]) => {
    const time = Buffer.alloc(size)
    if (size === 4) time.writeInt32BE(seconds)
    else time.writeBigInt64BE(BigInt(seconds))
    return time
  })
  const types = kinds.map(({ offset, summer }, i) => {
    const type = Buffer.alloc(6)
    type.writeInt32BE(offset)
    type[4] = summer ? 1 : 0
    type[5] = names.slice(0, i).join('').length
    return type
  })
  const at = Buffer.from(transitions.map(([, kind]) => kind))
  return Buffer.concat([header, ...times, at, ...types, Buffer.from(names.join(''), 'latin1')])
}

/** The format of older zone compilers: 32-bit data is repeated in the 64-bit block. */
const fat = (kinds: readonly Kind[], transitions: readonly Transition[], rule: string) =>
  Buffer.concat([
    block(
      '2',
      4,
      kinds,
      transitions.filter(([seconds]) => seconds >= -(2 ** 31)),
    ),
    block('2', 8, kinds, transitions),
    Buffer.from(`\n${rule}\n`),
  ])
const slim = (kinds: readonly Kind[], transitions: readonly Transition[], rule: string) =>
  Buffer.concat([
    block('2', 4, [{ name: '', offset: 0 }], []),
    block('2', 8, kinds, transitions),
    Buffer.from(`\n${rule}\n`),
  ])

const at = (text: string) => Date.parse(text) / 1000
const january = at('2026-01-15T12:00Z')
const july = at('2026-07-15T12:00Z')

const berlin: readonly Kind[] = [
  { name: 'LMT', offset: 3208 },
  { name: 'CEST', offset: 7200, summer: true },
  { name: 'CET', offset: 3600 },
]
const berlinTransitions: readonly Transition[] = [
  [at('1893-03-31T23:06:32Z'), 2],
  [at('1980-04-06T01:00Z'), 1],
  [at('1980-09-28T01:00Z'), 2],
]
const berlinRule = 'CET-1CEST,M3.5.0,M10.5.0/3'

describe('a zone file', () => {
  for (const [form, make] of [
    ['fat', fat],
    ['slim', slim],
  ] as const) {
    test(`that is ${form} has the zone in effect between its transitions`, () => {
      const file = make(berlin, berlinTransitions, berlinRule)
      assert.deepEqual(zoneIn(file, at('1979-06-01T00:00Z')), { name: 'CET', offsetSeconds: 3600 })
      assert.deepEqual(zoneIn(file, at('1980-04-06T01:00Z') - 1), { name: 'CET', offsetSeconds: 3600 })
      assert.deepEqual(zoneIn(file, at('1980-04-06T01:00Z')), { name: 'CEST', offsetSeconds: 7200 })
    })

    test(`that is ${form} uses its rule after the last transition`, () => {
      const file = make(berlin, berlinTransitions, berlinRule)
      assert.deepEqual(zoneIn(file, january), { name: 'CET', offsetSeconds: 3600 })
      assert.deepEqual(zoneIn(file, july), { name: 'CEST', offsetSeconds: 7200 })
    })
  }

  test('uses the first standard time before its first transition', () => {
    assert.deepEqual(zoneIn(fat(berlin, berlinTransitions, berlinRule), at('1850-01-01T00:00Z')), {
      name: 'LMT',
      offsetSeconds: 3208,
    })
  })

  test('without transitions uses its rule or its only kind of time', () => {
    const utc = [{ name: 'UTC', offset: 0 }]
    assert.deepEqual(zoneIn(slim(utc, [], 'UTC0'), july), { name: 'UTC', offsetSeconds: 0 })
    assert.deepEqual(zoneIn(slim(utc, [], ''), july), { name: 'UTC', offsetSeconds: 0 })
  })

  test('without a rule keeps the last transition', () => {
    assert.deepEqual(zoneIn(fat(berlin, berlinTransitions, ''), july), { name: 'CET', offsetSeconds: 3600 })
  })

  test('of version 1 has 32-bit times and no rule', () => {
    const kinds = [{ name: 'IST', offset: 19800 }]
    assert.deepEqual(zoneIn(block('\0', 4, kinds, [[-1000, 0]]), july), { name: 'IST', offsetSeconds: 19800 })
  })

  test('that is truncated or not a TZif file is an error', () => {
    const file = fat(berlin, berlinTransitions, berlinRule)
    for (let length = 0; length < file.length; length++)
      assert.throws(() => zoneIn(file.subarray(0, length), july), Error, `${length} bytes`)
    assert.throws(() => zoneIn(Buffer.from('root:x:0:0:root'), july), /not a TZif/)
  })
})

describe('a rule', () => {
  for (const [rule, time, name, offsetSeconds] of [
    ['<+0530>-5:30', july, '+0530', 19800],
    ['<-03>3', july, '-03', -10800],
    ['EST5EDT,M3.2.0,M11.1.0', january, 'EST', -18000],
    ['EST5EDT,M3.2.0,M11.1.0', at('2026-03-08T06:59:59Z'), 'EST', -18000],
    ['EST5EDT,M3.2.0,M11.1.0', at('2026-03-08T07:00:00Z'), 'EDT', -14400],
    ['EST5EDT,M3.2.0,M11.1.0', at('2026-11-01T06:00:00Z'), 'EST', -18000],
    ['CET-1CEST,M3.5.0,M10.5.0/3', at('2026-03-29T00:59:59Z'), 'CET', 3600],
    ['CET-1CEST,M3.5.0,M10.5.0/3', at('2026-10-25T00:59:59Z'), 'CEST', 7200],
    ['CET-1CEST,M3.5.0,M10.5.0/3', at('2026-10-25T01:00:00Z'), 'CET', 3600],
    ['AEST-10AEDT,M10.1.0,M4.1.0/3', january, 'AEDT', 39600],
    ['AEST-10AEDT,M10.1.0,M4.1.0/3', july, 'AEST', 36000],
    ['<+1030>-10:30<+11>-11,M10.1.0,M4.1.0', january, '+11', 39600],
    ['IST-1GMT0,M10.5.0,M3.5.0/1', january, 'GMT', 0],
    ['<-02>2<-01>,M3.5.0/-1,M10.5.0/0', at('2026-03-29T01:00:00Z'), '-01', -3600],
    ['IST-2IDT,M3.4.4/26,M10.5.0', at('2026-03-27T00:00:00Z'), 'IDT', 10800],
    ['XXX3EDT4,0/0,J365/23', july, 'EDT', -14400],
    ['XXX0YYY,J60,J300', at('2024-03-01T01:59:59Z'), 'XXX', 0],
    ['XXX0YYY,J60,J300', at('2024-03-01T02:00:00Z'), 'YYY', 3600],
    ['XXX0YYY,59,300', at('2024-02-29T02:00:00Z'), 'YYY', 3600],
  ] as const)
    test(`${rule} at ${new Date(time * 1000).toISOString()} is ${name}`, () => {
      assert.deepEqual(zoneBy(rule, time), { name, offsetSeconds })
    })

  test('that is invalid is an error', () => {
    for (const rule of ['', 'CET', 'CET-1CEST', '<+03-3', 'CET-1CEST,M3.5.0']) assert.throws(() => zoneBy(rule, july))
  })
})

describe('the zone of a host', () => {
  const root = (tree: Tree) => new Dir(textFiles(tree), '/')
  const zones = {
    'etc/localtime': fat(berlin, berlinTransitions, berlinRule),
    'usr/share/zoneinfo/Asia/Colombo': slim([{ name: '+0530', offset: 19800 }], [], '<+0530>-5:30'),
    'usr/share/zoneinfo/Broken': 'TZif2',
    'etc/zoneinfo/Broken': slim([{ name: 'OK', offset: 60 }], [], ''),
  }
  for (const [timezone, name] of [
    [undefined, 'CEST'],
    ['', 'UTC'],
    [':', 'UTC'],
    ['Asia/Colombo', '+0530'],
    [':Asia/Colombo', '+0530'],
    ['/usr/share/zoneinfo/Asia/Colombo', '+0530'],
    ['Nowhere', 'UTC'],
    ['CET-1CEST', 'UTC'],
    ['Broken', 'OK'],
  ] as const)
    test(`with TZ ${timezone === undefined ? 'not set' : JSON.stringify(timezone)} is ${name}`, () => {
      assert.equal(zoneAt(july, timezone, root(zones)).name, name)
    })

  test('without any file is UTC', () => {
    assert.deepEqual(zoneAt(july, undefined, root({})), { name: 'UTC', offsetSeconds: 0 })
  })
})
