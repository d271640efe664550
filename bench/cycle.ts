import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequester } from '../src/http/request.ts'
import { connect } from '../src/http/transport/connection.ts'
import { createSnappy } from '../src/remote-write/encode/compression.ts'
import { EncoderV1 } from '../src/remote-write/encode/v1.ts'
import { EncoderV2 } from '../src/remote-write/encode/v2.ts'
import { systemClock } from '../src/util/clock.ts'
import { configOf, cycleOf, hostOf } from './agent.ts'
import type { Bench, Context } from './bench.ts'
import { half, whole, writeHost } from './host.ts'
import { inChild } from './processes.ts'
import { type Cost, noted, spaced } from './spaced.ts'
import { judged, median, table } from './table.ts'

const steps = ['collect', 'encode', 'compress', 'send', 'encode 2.0', 'compress 2.0'] as const
type Step = (typeof steps)[number]

interface Found {
  readonly series: number
  readonly bytes: number
  readonly sentBytes: number
  readonly sentBytes2: number
  /** Median CPU ms by step; `interval` is everything from one interval to the next. */
  readonly cpuMs: Readonly<Record<Step | 'interval', number>>
}

const growthBar = 2.3

export default {
  name: 'cycle',
  title: 'CPU of an interval by step, and how it grows',
  async run({ quick, folder, say }: Context) {
    const [rounds, gapMs] = quick ? [20, 100] : [200, 250]
    const { url, close } = await startSink()
    const hosts = [
      ['this host', []],
      ['half', writeHost(`${folder}/half`, half)],
      ['whole', writeHost(`${folder}/whole`, whole)],
    ] as const
    const found: (readonly [string, Found])[] = []
    for (const [name, flags] of hosts) {
      say(`${name}, ${rounds} intervals`)
      found.push([name, await inChild<Found>(import.meta.filename, [url, rounds, gapMs, ...flags])])
    }
    close()
    const rows = found.map(([name, { series, bytes, sentBytes, sentBytes2, cpuMs }]) => [
      name,
      series,
      bytes / 1024,
      sentBytes / 1024,
      sentBytes2 / 1024,
      ...steps.map((step) => cpuMs[step]),
      cpuMs.interval,
    ])
    const [, [, small], [, large]] = found as [unknown, readonly [string, Found], readonly [string, Found]]
    const growth = [...steps, 'interval' as const].map((step) => [
      step,
      judged(large.cpuMs[step] / small.cpuMs[step], growthBar, 2),
    ])
    const { cpus, networkDevices, disks } = whole
    return [
      `CPU ms of all threads, median of ${rounds} intervals that are ${gapMs} ms apart, each host in a process of its own.`,
      `\`whole\` has ${cpus} CPUs, ${networkDevices} network devices and ${disks} disks, \`half\` half of each. \`send\` is one`,
      'request over a connection that stays, to a sink in another process. `interval` is all of it, with timers and',
      'garbage collection; 2.0, with type, help and starts, is made of the same snapshot and not sent, nor part of it.\n',
      table(['host', 'series', 'KiB', 'KiB sent', 'by 2.0', ...steps, 'interval'], rows),
      `Growth from \`half\` to \`whole\`, ${(large.series / small.series).toFixed(2)} times the series:\n`,
      table(['step', 'times'], growth),
    ].join('\n')
  },
} satisfies Bench

/** Takes requests and throws them away, outside of what is measured: in the bench's own process. */
async function startSink() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(204).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/api/v1/write`, close: () => server.close() }
}

async function measure(target: string, rounds: number, gapMs: number, flags: readonly string[]): Promise<Found> {
  const config = await configOf(flags)
  const cycle = cycleOf(config, hostOf(config), config.collectors)
  const encoder = new EncoderV1()
  const encoder2 = new EncoderV2('full')
  const starts = { boot: systemClock.now() - 1e9, start: systemClock.now() - 1e6 }
  const compress = createSnappy()
  const url = new URL(target)
  const sender = await connect(url.origin)
  const requester = createRequester({ url, headers: () => ({}), timeoutMs: 10_000 }, sender, systemClock)
  const never = new AbortController().signal
  const costs = Object.fromEntries([...steps, 'interval'].map((step) => [step, []])) as unknown as Record<
    Step | 'interval',
    Cost[]
  >
  let [series, bytes, sentBytes, sentBytes2, sequence] = [0, 0, 0, 0, 0]
  let before = process.cpuUsage()
  await spaced(rounds, gapMs, async (counts) => {
    const into = (step: Step) => (counts ? costs[step] : [])
    const { snapshot } = await noted(into('collect'), () => cycle(systemClock.now()))
    const entries = [{ sequence: sequence++, snapshot: { ...snapshot, starts } }]
    const encoded = await noted(into('encode'), () => encoder.encode({ entries, stale: [] }))
    const body = await noted(into('compress'), () => compress(encoded.bytes))
    const outcome = await noted(into('send'), () => requester.post(body, {}, never))
    if (outcome.kind !== 'delivered') throw new Error(`cycle: ${JSON.stringify(outcome)}`)
    const { user, system } = process.cpuUsage(before)
    if (counts) costs.interval.push({ cpuMs: (user + system) / 1000, wallMs: gapMs })
    const encoded2 = await noted(into('encode 2.0'), () => encoder2.encode({ entries, stale: [] }))
    const body2 = await noted(into('compress 2.0'), () => compress(encoded2.bytes))
    before = process.cpuUsage()
    ;[series, bytes, sentBytes, sentBytes2] = [snapshot.values.length, encoded.bytes.length, body.length, body2.length]
  })
  await requester.close()
  const cpuMs = Object.fromEntries(
    Object.entries(costs).map(([step, all]) => [step, median(all.map((one) => one.cpuMs))]),
  ) as Found['cpuMs']
  return { series, bytes, sentBytes, sentBytes2, cpuMs }
}

if (import.meta.main) {
  const [target = '', rounds, gapMs, ...flags] = process.argv.slice(2)
  process.stdout.write(JSON.stringify(await measure(target, Number(rounds), Number(gapMs), flags)))
  process.exit(0)
}
