import type { Question } from './judge.ts'

type Rule = Question['rules'][number]
type Series = Question['series'][number]

/** A typical series of a host. */
const disk: Series = {
  __name__: 'node_disk_io_now',
  device: 'sda1',
  instance: 'web-01.example.com:9100',
  job: 'node',
  site: 'Zürich',
}
export const series: readonly Series[] = [
  disk,
  { __name__: 'up', instance: 'web-02.example.com:9100', job: 'node' },
  { __name__: 'node_filesystem_avail_bytes', device: 'tmpfs', job: 'node', mountpoint: '/run/user\n0' },
]

const letters = (from: number, to: number) =>
  String.fromCodePoint(...Array.from({ length: to - from + 1 }, (_, i) => from + i))

/** Cases by topic. A case without series uses those above. */
export const cases: Readonly<Record<string, { rules: readonly Rule[]; series?: readonly Series[]; names?: 'utf8' }>> = {
  'no rules': { rules: [] },
  'a label with a fixed value': { rules: [{ target_label: 'env', replacement: 'prod' }] },
  'a label copied': { rules: [{ source_labels: ['instance'], target_label: 'host' }] },
  'a label copied over another': { rules: [{ source_labels: ['instance'], target_label: 'job' }] },
  'a label copied that is not there': { rules: [{ source_labels: ['zone'], target_label: 'job' }] },
  'a label emptied': { rules: [{ target_label: 'site', replacement: '' }] },
  'a part of a label': {
    rules: [{ source_labels: ['instance'], regex: '([^.]+)\\..*:(\\d+)', target_label: 'host', replacement: '$1-$2' }],
  },
  'no match changes nothing': {
    rules: [{ source_labels: ['instance'], regex: 'web', target_label: 'job', replacement: 'x' }],
  },
  'the regex is anchored around an alternation': {
    rules: [{ action: 'keep', source_labels: ['__name__'], regex: 'node_disk|up' }],
  },
  'the first alternative that fits the whole': {
    rules: [{ source_labels: ['device'], regex: '(s|sd|sda)(.*)', target_label: 'part', replacement: '$1/$2' }],
  },
  'a regex that closes the bracket around it': {
    rules: [{ action: 'keep', source_labels: ['job'], regex: 'no)(de' }],
  },
  'the dot matches a line end': { rules: [{ action: 'keep', source_labels: ['mountpoint'], regex: '/run.*' }] },
  'a flag takes that back': { rules: [{ action: 'keep', source_labels: ['mountpoint'], regex: '(?-s)/run.*' }] },
  'lines inside a value': { rules: [{ action: 'keep', source_labels: ['mountpoint'], regex: '(?m)/run/user$\n^0' }] },
  'case folded by a flag': { rules: [{ action: 'keep', source_labels: ['site'], regex: '(?i)zÜRICH' }] },
  'classes of Unicode': { rules: [{ action: 'keep', source_labels: ['site'], regex: '\\p{Lu}\\p{L}+' }] },
  'an empty regex': { rules: [{ action: 'drop', source_labels: ['zone'], regex: '' }] },
  'an empty regex and a value': { rules: [{ action: 'keep', source_labels: ['job'], regex: '' }] },
  'several labels': {
    rules: [{ source_labels: ['job', 'zone', 'device'], target_label: 'all' }],
  },
  'a separator of its own': { rules: [{ source_labels: ['job', 'device'], separator: '-', target_label: 'all' }] },
  'no separator': { rules: [{ source_labels: ['job', 'device'], separator: '', target_label: 'all' }] },
  'the same label twice': { rules: [{ source_labels: ['job', 'job'], target_label: 'all' }] },
  'an empty list of labels': { rules: [{ source_labels: [], target_label: 'a', replacement: 'x$1y' }] },
  'references end where names end': {
    rules: [
      { source_labels: ['device'], regex: '(.)(.*)', target_label: 'a', replacement: '$1x' },
      { source_labels: ['device'], regex: '(.)(.*)', target_label: 'b', replacement: '${1}x' },
      { source_labels: ['device'], regex: '(.)(.*)', target_label: 'c', replacement: '$1-$2' },
      { source_labels: ['device'], regex: '(.)(.*)', target_label: 'd', replacement: '$12' },
      { source_labels: ['device'], regex: '(.)(.*)', target_label: 'e', replacement: '$1é' },
      { source_labels: ['device'], regex: '(.)(.*)', target_label: 'f', replacement: '$0$1_$2' },
    ],
  },
  'dollars that are no references': {
    rules: ['$$1', '$$$1', '$', 'a$', '$-', '${', '${}', '${1', '${1 }', '${-1}', '$$', '$ $1', '{$1}', '$٣'].map(
      (replacement, i) => ({ source_labels: ['device'], target_label: `l${i}`, replacement }),
    ),
  },
  'numbers of groups that are odd': {
    rules: ['$01', '$00', '$9', '$99999999999999999999', '${01}', '$+1'].map((replacement, i) => ({
      source_labels: ['device'],
      target_label: `l${i}`,
      replacement: `<${replacement}>`,
    })),
  },
  'groups with names': {
    rules: ['${disk}/${part}', '$disk-$part', '$diskx', '${none}', '${1}${2}', '$constructor', '$__proto__'].map(
      (replacement, i) => ({
        source_labels: ['device'],
        regex: '(?P<disk>[a-z]+)(?<part>\\d*)',
        target_label: `l${i}`,
        replacement: `<${replacement}>`,
      }),
    ),
  },
  'a group that takes no part': {
    rules: [{ source_labels: ['job'], regex: '(x)?(.*)', target_label: 'a', replacement: '<$1$2>' }],
  },
  'a target from the match': {
    rules: [{ source_labels: ['device'], regex: '([a-z]+)(\\d+)', target_label: 'disk_$1', replacement: '$2' }],
  },
  'a target in braces': {
    rules: [{ source_labels: ['device'], regex: '([a-z]+).*', target_label: '${1}_x', replacement: 'y' }],
  },
  'a target that becomes no name is passed over': {
    rules: [{ source_labels: ['instance'], target_label: '${1}', replacement: 'x' }],
  },
  'a target that becomes empty is passed over': {
    rules: [{ source_labels: ['device'], regex: '(x)?.*', target_label: '${1}', replacement: 'x' }],
  },
  'the name of the metric': {
    rules: [{ source_labels: ['__name__'], regex: 'node_(.*)', target_label: '__name__', replacement: 'host_$1' }],
  },
  keep: { rules: [{ action: 'keep', source_labels: ['__name__'], regex: 'node_.*' }] },
  drop: { rules: [{ action: 'drop', source_labels: ['__name__', 'device'], regex: 'node_disk_.*;sd.*' }] },
  'keep without anything': { rules: [{ action: 'keep' }] },
  'drop without anything': { rules: [{ action: 'drop' }] },
  'nothing after a drop': {
    rules: [
      { action: 'drop', source_labels: ['job'] },
      { target_label: 'a', replacement: 'b' },
    ],
  },
  keepequal: {
    rules: [{ action: 'keepequal', source_labels: ['a'], target_label: 'b' }],
    series: [{ a: '1', b: '1' }, { a: '1', b: '2' }, { a: '1' }, { b: '1' }],
  },
  dropequal: {
    rules: [{ action: 'dropequal', source_labels: ['a'], target_label: 'b' }],
    series: [{ a: '1', b: '1' }, { a: '1', b: '2' }, { a: '1' }, { b: '1' }],
  },
  'equal to several': {
    rules: [{ action: 'keepequal', source_labels: ['a', 'c'], target_label: 'b' }],
    series: [
      { a: '1', b: '1;2', c: '2' },
      { a: '1', b: '1;' },
    ],
  },
  hashmod: { rules: [{ action: 'hashmod', source_labels: ['instance'], target_label: '__tmp', modulus: 8 }] },
  'hashmod of nothing': { rules: [{ action: 'hashmod', target_label: 'h', modulus: 1000 }] },
  'hashmod of letters beyond ASCII': {
    rules: [{ action: 'hashmod', source_labels: ['site', 'job'], target_label: 'h', modulus: 9_007_199_254_740_991 }],
  },
  'a shard': {
    rules: [
      { action: 'hashmod', source_labels: ['instance'], target_label: '__tmp_hash', modulus: 2 },
      { action: 'keep', source_labels: ['__tmp_hash'], regex: '0' },
    ],
  },
  labelmap: { rules: [{ action: 'labelmap', regex: '(inst|dev)(.*)', replacement: 'a_${1}_$2' }] },
  'labelmap onto itself': { rules: [{ action: 'labelmap', regex: 'job', replacement: 'job' }] },
  'labelmap to nothing': { rules: [{ action: 'labelmap', regex: 'd(x)?evice', replacement: '$1' }] },
  'labelmap with the default': { rules: [{ action: 'labelmap', regex: 'dev(.*)' }] },
  'labelmap of everything to one': { rules: [{ action: 'labelmap', regex: '.*', replacement: 'one' }] },
  'labelmap after labels were set': {
    rules: [
      { target_label: 'zz', replacement: 'first' },
      { target_label: 'device', replacement: 'second' },
      { target_label: 'zz', replacement: 'third' },
      { action: 'labelmap', regex: 'zz|device|site', replacement: 'one' },
    ],
  },
  'labelmap after labels were dropped and set': {
    rules: [
      { target_label: 'b', replacement: '1' },
      { target_label: 'a', replacement: '2' },
      { target_label: 'b', replacement: '' },
      { target_label: 'b', replacement: '3' },
      { action: 'labelmap', regex: 'a|b', replacement: 'one' },
    ],
  },
  labeldrop: { rules: [{ action: 'labeldrop', regex: 'dev.*|site' }] },
  labelkeep: { rules: [{ action: 'labelkeep', regex: '__name__|job' }] },
  'labelkeep that leaves nothing': { rules: [{ action: 'labelkeep', regex: 'none' }] },
  'labeldrop without anything': { rules: [{ action: 'labeldrop' }] },
  lowercase: { rules: [{ action: 'lowercase', source_labels: ['site', 'job'], target_label: 'low' }] },
  uppercase: { rules: [{ action: 'uppercase', source_labels: ['site', 'job'], target_label: 'up' }] },
  'letters whose case is not one to one': {
    rules: [
      { action: 'lowercase', source_labels: ['a'], target_label: 'low' },
      { action: 'uppercase', source_labels: ['a'], target_label: 'up' },
    ],
    series: [
      'ΑΣ ΟΔΟΣ',
      'İstanbul ıi',
      'ß ẞ ﬁ ŉ ǰ',
      'ᾀ ᾈ ᾳ ᾼ ῃ ῌ ῳ ῼ ΐ',
      'ǆ ǅ Ǆ',
      '𐐨𐐀 𝒜',
      'ჰ Ჰ Ꭰ ꭰ',
      letters(0x80, 0x17f),
      letters(0x370, 0x587),
      letters(0x1e00, 0x1fff),
    ].map((a) => ({ a })),
  },
  'lowercase of nothing takes the label away': {
    rules: [{ action: 'lowercase', source_labels: ['none'], target_label: 'job' }],
  },
  'names of any text': {
    rules: [
      { source_labels: ['job'], target_label: 'service.name' },
      { action: 'labelmap', regex: 'service\\.(.*)', replacement: 'ä/$1' },
      { source_labels: ['device'], target_label: '$$a', replacement: 'x' },
      { source_labels: ['device'], regex: '(x)?.*', target_label: '$1', replacement: 'x' },
    ],
    names: 'utf8',
  },
  'labels that begin with two underscores': {
    rules: [
      { source_labels: ['job'], target_label: '__tmp_a' },
      { source_labels: ['__tmp_a'], target_label: '__proto__' },
      { source_labels: ['__proto__'], target_label: 'constructor' },
    ],
  },
}
