import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually, freePort, hostpush, root, temporary } from '../support/servers.ts'

const page = readFileSync(join(root, 'docs/monitoring.md'), 'utf8')

/** First cells of the tables under the heading that lists every metric. */
const cells = page
  .slice(page.indexOf('## Every metric'))
  .split('\n')
  .flatMap((line) => /^\| (`.*?) \|/.exec(line)?.[1] ?? [])
const words = cells.flatMap((cell) => [...cell.matchAll(/`([a-z_]+)(…?)/g)].map(([, name = '', rest]) => name + rest))

/** Whether a word of the page is this metric or a prefix of its name. */
const covers = (word: string, name: string) =>
  word === name ||
  `prometheus_remote_storage_${word}` === name ||
  (/…$/.test(word) && name.startsWith(word.slice(0, -1)))
const pushedAlone =
  /^(hostpush_refusals_total|up|scrape_(duration_seconds|samples_scraped|samples_post_metric_relabeling|series_added))$/

/** A receiver and a Pushgateway that accept everything. */
async function taker(t: TestContext): Promise<string> {
  const server = createServer((request, response) => request.resume().on('end', () => response.writeHead(200).end()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('docs/monitoring.md lists exactly the self metrics of the agent', async (t) => {
  const [url, port, file] = [await taker(t), await freePort(), join(temporary(t), 'config.json')]
  const config = {
    ...{ global: { scrape_interval: '200ms' }, remote_write: [{ url: `${url}/write` }], pushgateway: [{ url }] },
    web: { listen_address: [`127.0.0.1:${port}`] },
  }
  writeFileSync(file, JSON.stringify(config))
  hostpush(t, ['run', `--config.file=${file}`, '--collector.disable-defaults', '--collector.loadavg'])
  const metrics = await eventually(
    () =>
      fetch(`http://127.0.0.1:${port}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      ),
    (text) =>
      ['_last_delivery', '_pushgateway_last_push', '_clock_skew'].every((one) => text.includes(`\nhostpush${one}`)),
  )
  const shown = [...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
  const untold = shown.filter((name) => !name.startsWith('node_load') && !words.some((word) => covers(word, name)))
  assert.deepEqual(untold, [])
  const unseen = words.filter((word) => !pushedAlone.test(word) && !shown.some((name) => covers(word, name)))
  assert.deepEqual(unseen, [])
})
