import type { Config } from '../src/config/index.ts'
import { configOf, cycleOf, hostOf } from './agent.ts'
import type { Bench, Context } from './bench.ts'
import { cpuMs } from './cpu.ts'
import { freePort, inChild, program, ready, start } from './processes.ts'
import { type Cost, measureCost, runRounds } from './rounds.ts'
import { whole, writeHost } from './synthetic-host.ts'
import { median, table, withVerdict } from './table.ts'

interface Measurement {
  readonly together: Cost
  readonly series: number
  readonly alone: readonly (readonly [collector: string, cost: Cost])[]
}

interface PeerCost {
  readonly cpuMs: number
  /** CPU of a scrape of one cheap collector: the cost of the response itself. */
  readonly emptyMs: number
  readonly series: number
}

export default {
  name: 'collectors',
  title: 'Collectors, beside node_exporter',
  async run({ quick, folder, say }: Context) {
    const [rounds, gapMs] = quick ? [15, 100] : [60, 500]
    // Netlink would query this kernel, not the synthetic host: there both programs read files.
    const synthetic = [...writeHost(`${folder}/whole`, whole), '--no-collector.netdev.netlink']
    const hosts = [
      ['this host', []],
      [`${whole.cpus} CPUs`, synthetic],
    ] as const
    const parts: string[] = []
    const costs: Measurement[] = []
    const ratios: (string | number)[][] = []
    for (const [name, flags] of hosts) {
      say(`${name}: ${rounds} intervals, ${rounds} scrapes of node_exporter`)
      const ours = await inChild<Measurement>(import.meta.filename, [rounds, gapMs, ...flags])
      const theirs = await measurePeer(rounds, gapMs, flags, `${folder}/node_exporter.log`)
      costs.push(ours)
      const ratio = withVerdict(ours.together.cpuMs / theirs.cpuMs, 1)
      ratios.push([name, ours.series, theirs.series, ours.together.cpuMs, theirs.cpuMs, theirs.emptyMs, ratio])
    }
    const [live, large] = costs as [Measurement, Measurement]
    const names = live.alone.map(([name]) => name)
    const of = ({ alone }: Measurement, name: string) => alone.find(([one]) => one === name)?.[1]
    const rows = names.map((name) => [name, of(live, name), of(large, name)] as const)
    rows.sort(([, , left], [, , right]) => (right?.cpuMs ?? 0) - (left?.cpuMs ?? 0))
    parts.push(
      `The default collectors together: CPU ms of all threads, median of ${rounds} intervals that`,
      `are ${gapMs} ms apart; CPU ms of a scrape of node_exporter, mean of as many scrapes in the same run. A scrape also`,
      'formats the text: `one` is the cost of a scrape of one small collector.\n',
      table(['host', 'series', 'series of node_exporter', 'hostpush', 'node_exporter', 'one', 'ratio'], ratios),
      'Each collector alone, including the cycle around it (median, ms):\n',
      table(
        ['collector', 'CPU here', 'wall here', `CPU, ${whole.cpus} CPUs`, `wall, ${whole.cpus} CPUs`],
        rows.map(([name, here, there]) => [name, here?.cpuMs, here?.wallMs, there?.cpuMs, there?.wallMs]),
      ),
    )
    return parts.join('\n')
  },
} satisfies Bench

async function measure(config: Config, rounds: number, gapMs: number): Promise<Measurement> {
  const whole = cycleOf(config, hostOf(config), config.collectors)
  const single = config.collectors.map((one) => {
    const costs: Cost[] = []
    return { name: one.collector.name, cycle: cycleOf(config, hostOf(config), [one]), costs }
  })
  const together: Cost[] = []
  let series = 0
  await runRounds(rounds, gapMs, async (counts) => {
    const { snapshot } = await measureCost(counts ? together : [], () => whole(Date.now()))
    series = snapshot.values.length
  })
  await runRounds(rounds, gapMs, async (counts) => {
    for (const { cycle, costs } of single) await measureCost(counts ? costs : [], () => cycle(Date.now()))
  })
  return { together: medianCost(together), series, alone: single.map(({ name, costs }) => [name, medianCost(costs)]) }
}

const medianCost = (costs: readonly Cost[]): Cost => ({
  cpuMs: median(costs.map((one) => one.cpuMs)),
  wallMs: median(costs.map((one) => one.wallMs)),
})

async function measurePeer(rounds: number, gapMs: number, flags: readonly string[], log: string): Promise<PeerCost> {
  const url = `http://127.0.0.1:${await freePort()}`
  const peer = start(program('node_exporter'), [...flags, `--web.listen-address=${new URL(url).host}`], log)
  await ready(url)
  let text = ''
  const cost = async (path: string) => {
    let before = 0
    await runRounds(rounds, gapMs, async (counts) => {
      if (!counts) before = 0
      else if (before === 0) before = cpuMs(peer.pid)
      text = await (await fetch(url + path)).text()
    })
    return (cpuMs(peer.pid) - before) / rounds
  }
  const emptyMs = await cost('/metrics?collect[]=loadavg')
  const all = await cost('/metrics')
  await peer.stop()
  const series = text.split('\n').filter((line) => line.startsWith('node_')).length
  return { cpuMs: all, emptyMs, series }
}

if (import.meta.main) {
  const [rounds, gapMs, ...flags] = process.argv.slice(2)
  process.stdout.write(JSON.stringify(await measure(await configOf(flags), Number(rounds), Number(gapMs))))
  process.exit(0)
}
