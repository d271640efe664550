/*
 * Measures whether dashboards find data at the usual range of two intervals: `rate(node_time_seconds[2m])` of hosts that
 * collect every 60 s, evaluated every 4 s by a real Prometheus.
 *
 *   npm run freshness -- [--program PATH] [--hosts 5] [--minutes 10]
 *
 * --program runs the bin/hostpush of another checkout, which must be built (npm run prepare). Prints how many evaluations
 * had a value, for each host. Exits with 1 if one had none.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { root, start, startPrometheus3, type Tester, temporary } from '../test/support/servers.ts'

const everyMs = 4000
/** The range has two samples after two intervals. */
const warmUpMs = 135_000

const { values: given } = parseArgs({
  options: {
    program: { type: 'string', default: join(root, 'bin/hostpush') },
    hosts: { type: 'string', default: '5' },
    minutes: { type: 'string', default: '10' },
  },
})

const ends: (() => unknown)[] = []
const owner: Tester = {
  after: (end) => ends.push(end),
  skip: (reason) => {
    throw new Error(reason)
  },
}

/** The configuration of a host that only collects its time. */
function configurationOf(name: string, url: string): string {
  const folder = temporary(owner)
  const file = join(folder, 'config.json')
  const config = {
    instance: name,
    global: { scrape_interval: '60s' },
    buffer: { directory: join(folder, 'buffer') },
    remote_write: [{ url: `${url}/api/v1/write` }],
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

try {
  const prometheus = await startPrometheus3(owner)
  if (prometheus === undefined) throw new Error('Prometheus 3 is not in the cache')
  const names = Array.from({ length: Number(given.hosts) }, (_, i) => `host-${i}`)
  const flags = ['--web.listen-address=127.0.0.1:0', '--collector.disable-defaults', '--collector.time']
  for (const name of names)
    start(owner, given.program, ['run', `--config.file=${configurationOf(name, prometheus.url)}`, ...flags])
  await sleep(warmUpMs)
  const found = new Map(names.map((name) => [name, 0]))
  const rounds = Math.round((Number(given.minutes) * 60_000) / everyMs)
  for (let round = 0; round < rounds; round++) {
    for (const { metric } of await prometheus.query('rate(node_time_seconds[2m])')) {
      const name = metric['instance'] ?? ''
      found.set(name, (found.get(name) ?? 0) + 1)
    }
    await sleep(everyMs)
  }
  for (const [name, count] of found) process.stdout.write(`${name}: ${count} of ${rounds} evaluations had a value\n`)
  process.exitCode = [...found.values()].every((count) => count === rounds) ? 0 : 1
} finally {
  for (const end of ends.toReversed()) await end()
}
