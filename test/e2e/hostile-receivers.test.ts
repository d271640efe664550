import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  eventually,
  hostpush,
  startPrometheus,
  startPrometheus3,
  startVictoriaMetrics,
  temporary,
} from '../support/servers.ts'

const manyLabels = Array.from({ length: 90 }, (_, i) => `l${i}="v${i}"`)

/** Valid and invalid text files. */
const files: Readonly<Record<string, string | Uint8Array>> = {
  many: `many{${manyLabels}} 1\n`,
  long: `long{v="${'x'.repeat(40_000)}"} 2\n`,
  nul: 'nul{v="a\0b"} 3\n',
  nan: 'nan_value NaN\nnan_value{a="1"} -Inf\n',
  empty: 'dup{a=""} 1\ndup 2\n',
  clash: 'clash{job="x",instance="y",site="z"} 1\nclash{site=""} 2\nclash{site="lab"} 3\n',
  bytes: Buffer.from('bad{v="\xff\xfe"} 3\n', 'latin1'),
  reserved: 'named{__name__="other"} 1\n',
  twice: 'node_load1{x=""} 77\n',
}

for (const [name, start] of [
  ['Prometheus 2', startPrometheus],
  ['Prometheus 3', startPrometheus3],
  ['VictoriaMetrics', startVictoriaMetrics],
] as const)
  test(`${name}: errors in a text file affect no other samples, and each error is logged`, async (t) => {
    const receiver = await start(t)
    if (receiver === undefined) return
    const folder = temporary(t)
    mkdirSync(join(folder, 'text'))
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, 'text', `${file}.prom`), text)
    const config = {
      global: { scrape_interval: '500ms', external_labels: { site: 'lab' } },
      instance: 'odd',
      buffer: { directory: join(folder, 'buffer') },
      web: { listen_address: [] },
      remote_write: [{ url: `${receiver.url}/api/v1/write` }],
    }
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
    const running = hostpush(t, [
      'run',
      `--config.file=${folder}/config.json`,
      '--collector.disable-defaults',
      '--collector.loadavg',
      '--collector.textfile',
      `--collector.textfile.directory=${folder}/text`,
    ])
    await eventually(
      () => receiver.query('count_over_time(up{instance="odd"}[1m])'),
      ([up]) => Number(up?.value[1]) >= 4,
    )
    const stored = await receiver.query('{__name__=~"many|long|nul|nan_value|dup|clash|bad|named|other|node_load1"}')
    const shown = stored.map(({ metric, value }) => [metric['__name__'], metric['instance'], metric['site'], value[1]])
    const load = shown.find(([name]) => name === 'node_load1')?.[3]
    const isVictoria = name === 'VictoriaMetrics'
    assert.deepEqual(shown.sort(), [
      ['clash', 'odd', 'lab', '2'],
      ['clash', 'y', 'z', '1'],
      ['dup', 'odd', 'lab', '1'],
      ['long', 'odd', 'lab', '2'],
      ['many', 'odd', isVictoria ? undefined : 'lab', '1'], // it keeps only 30 labels of a series
      ['nan_value', 'odd', 'lab', '-Inf'],
      ...(isVictoria ? [] : [['nan_value', 'odd', 'lab', 'NaN']]),
      ['node_load1', 'odd', 'lab', load],
      ['nul', 'odd', 'lab', '3'],
    ])
    assert.notEqual(load, '77')
    const told = running.output().match(/level=(?:WARN|ERROR) .*/g) ?? []
    assert.match(told[0] ?? '', /bytes\.prom: line 1: invalid UTF-8; .*label name __name__ is reserved/)
    assert.match(told[1] ?? '', /samples dropped.*samples=2/)
    assert.match(told[2] ?? '', /Two series have the same labels, only the first is sent.*clash/)
    assert.equal(told.length, 3, told.join('\n'))
  })
