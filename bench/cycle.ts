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
import { inChild } from './processes.ts'
import { type Cost, measureCost, runRounds } from './rounds.ts'
import { half, whole, writeHost } from './synthetic-host.ts'
import { median, table, withVerdict } from './table.ts'

const steps = ['collect', 'encode', 'compress', 'send', 'encode 2.0', 'compress 2.0'] as const
type Step = (typeof steps)[number]

interface Measurement {
  readonly series: number
  readonly bytes: number
  readonly sentBytes: number
  readonly sentBytes2: number
  /** Median CPU ms by step; `interval` is the whole time between two intervals. */
  readonly cpuMs: Readonly<Record<Step | 'interval', number>>
}

const growthBar = 2.3

export default {
  name: 'cycle',
  title: 'CPU of an interval by step, and how it grows',
  async run({ quick, folder, say }: Context) {
    const [rounds, gapMs] = quick ? [20, 100] : [200, 250]
    const { url, close } = await startDiscardingReceiver()
    const hosts = [
      ['this host', []],
      ['half', writeHost(`${folder}/half`, half)],
      ['whole', writeHost(`${folder}/whole`, whole)],
    ] as const
    const found: (readonly [string, Measurement])[] = []
    for (const [name, flags] of hosts) {
      say(`${name}, ${rounds} intervals`)
      found.push([name, await inChild<Measurement>(import.meta.filename, [url, rounds, gapMs, ...flags])])
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
    const [, [, small], [, large]] = found as [unknown, readonly [string, Measurement], readonly [string, Measurement]]
    const growth = [...steps, 'interval' as const].map((step) => [
      step,
      withVerdict(large.cpuMs[step] / small.cpuMs[step], growthBar, 2),
    ])
    const { cpus, networkDevices, disks } = whole
    return [
      `CPU ms of all threads, median of ${rounds} intervals that are ${gapMs} ms apart, each host in a separate process.`,
      `\`whole\` has ${cpus} CPUs, ${networkDevices} network devices and ${disks} disks, \`half\` half of each. \`send\` is one`,
      'request over a persistent connection to a receiver in another process. `interval` is the total, with timers and',
      'garbage collection. 2.0, with type, help and start timestamps, encodes the same snapshot; it is not sent and not in the total.\n',
      table(['host', 'series', 'KiB', 'KiB sent', 'by 2.0', ...steps, 'interval'], rows),
      `Growth from \`half\` to \`whole\`, ${(large.series / small.series).toFixed(2)} times the series:\n`,
      table(['step', 'times'], growth),
    ].join('\n')
  },
} satisfies Bench

/** A receiver that discards requests. It runs in the parent process, which is not measured. */
async function startDiscardingReceiver() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(204).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/api/v1/write`, close: () => server.close() }
}

async function measure(target: string, rounds: number, gapMs: number, flags: readonly string[]): Promise<Measurement> {
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
  await runRounds(rounds, gapMs, async (counts) => {
    const into = (step: Step) => (counts ? costs[step] : [])
    const { snapshot } = await measureCost(into('collect'), () => cycle(systemClock.now()))
    const entries = [{ sequence: sequence++, snapshot: { ...snapshot, starts } }]
    const encoded = await measureCost(into('encode'), () => encoder.encode({ entries, stale: [] }))
    const body = await measureCost(into('compress'), () => compress(encoded.bytes))
    const outcome = await measureCost(into('send'), () => requester.post(body, {}, never))
    if (outcome.kind !== 'delivered') throw new Error(`cycle: ${JSON.stringify(outcome)}`)
    const { user, system } = process.cpuUsage(before)
    if (counts) costs.interval.push({ cpuMs: (user + system) / 1000, wallMs: gapMs })
    const encoded2 = await measureCost(into('encode 2.0'), () => encoder2.encode({ entries, stale: [] }))
    const body2 = await measureCost(into('compress 2.0'), () => compress(encoded2.bytes))
    before = process.cpuUsage()
    ;[series, bytes, sentBytes, sentBytes2] = [snapshot.values.length, encoded.bytes.length, body.length, body2.length]
  })
  await requester.close()
  const cpuMs = Object.fromEntries(
    Object.entries(costs).map(([step, all]) => [step, median(all.map((one) => one.cpuMs))]),
  ) as Measurement['cpuMs']
  return { series, bytes, sentBytes, sentBytes2, cpuMs }
}

if (import.meta.main) {
  const [target = '', rounds, gapMs, ...flags] = process.argv.slice(2)
  process.stdout.write(JSON.stringify(await measure(target, Number(rounds), Number(gapMs), flags)))
  process.exit(0)
}
