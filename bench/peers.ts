import { mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent } from './agent.ts'
import type { Bench, Context } from './bench.ts'
import { cpuMs, memoryOf } from './cpu.ts'
import { freePort, program, type Running, ready, start } from './processes.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { table, withVerdict } from './table.ts'

const intervalSeconds = 5

/** One way to send a host's metrics to the receiver, with all its processes. `name` is its job label. */
interface Contender {
  readonly name: string
  readonly processes: readonly Running[]
}

export default {
  name: 'peers',
  title: 'Compared with node_exporter and an agent in front of it',
  async run({ quick, folder, say }: Context) {
    const [warmUp, seconds] = quick ? [15, 30] : [300, 120]
    const receiver = await startReceiver(folder)
    const contenders = [
      await hostpush(folder, receiver.url),
      await withVmagent(folder, receiver.url),
      await withPrometheus(folder, receiver.url),
    ]
    say(`${warmUp} s to warm up, ${seconds} s that count`)
    await sleep(warmUp * 1000)
    const before = contenders.map(cpuOf)
    await sleep(seconds * 1000)
    const after = contenders.map(cpuOf)
    const memory = contenders.map(({ processes }) => processes.map(({ pid }) => memoryOf(pid)))
    const spent = after.map((one, i) => one.map((ms, j) => (ms - (before[i]?.[j] ?? 0)) / (seconds / intervalSeconds)))
    const arrived = await Promise.all(contenders.map(({ name }) => arrivals(receiver, name, seconds)))
    await Promise.all([...contenders.flatMap(({ processes }) => processes), receiver].map((one) => one.stop()))
    const total = spent.map(sum)
    const [ours, pair] = total as [number, number, number]
    const privateMb = sum(memory[0]?.map(({ anonMb }) => anonMb) ?? [])
    return [
      `CPU ms of all threads an interval of ${intervalSeconds} s, mean of ${seconds} s after ${warmUp} s of warming up; all at once, the`,
      'default collectors of each, pushing to one real Prometheus. In parentheses: the exporter and the agent in front of it.\n',
      table(
        ['', 'CPU ms', 'private MB', 'RSS MB', 'intervals', 'series', 'of them node_*'],
        contenders.map(({ name }, i) => [
          name,
          parts(spent[i] ?? []),
          parts(memory[i]?.map(({ anonMb }) => anonMb) ?? []),
          parts(memory[i]?.map(({ rssMb }) => rssMb) ?? []),
          `${arrived[i]?.intervals} of ${seconds / intervalSeconds}`,
          arrived[i]?.series,
          arrived[i]?.nodeSeries,
        ]),
      ),
      `CPU, hostpush / (node_exporter + vmagent): ${withVerdict(ours / pair, 1, 0.4)}. Private MB: ${withVerdict(privateMb, 32, 20)}.\n`,
    ].join('\n')
  },
} satisfies Bench

const cpuOf = ({ processes }: Contender) => processes.map(({ pid }) => cpuMs(pid))
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** `20.1 (12.0 + 8.1)`. */
function parts(values: readonly number[]): string {
  const total = sum(values).toFixed(1)
  return values.length === 1 ? total : `${total} (${values.map((value) => value.toFixed(1)).join(' + ')})`
}

/** Intervals and series of this job that arrived in the last seconds. */
async function arrivals(receiver: Receiver, job: string, seconds: number) {
  const here = `{job="${job}"}`
  return {
    intervals: (await receiver.number(`max(count_over_time(node_load1${here}[${seconds}s]))`)) ?? 0,
    series: (await receiver.number(`count(${here})`)) ?? 0,
    nodeSeries: (await receiver.number(`count({job="${job}",__name__=~"node_.*"})`)) ?? 0,
  }
}

async function hostpush(folder: string, receiver: string): Promise<Contender> {
  const port = await freePort()
  const options = { name: 'hostpush', folder, interval: `${intervalSeconds}s`, receiver, port }
  const agent = startAgent(options)
  await ready(`http://127.0.0.1:${port}/-/healthy`)
  return { name: options.name, processes: [agent] }
}

async function exporter(folder: string, agent: string) {
  const address = `127.0.0.1:${await freePort()}`
  const log = `${folder}/node_exporter-${agent}.log`
  const running = start(program('node_exporter'), [`--web.listen-address=${address}`], log)
  await ready(`http://${address}/`)
  return { address, running }
}

/** Scrape configuration that both vmagent and Prometheus accept. */
const scrape = (job: string, target: string) =>
  `global: {scrape_interval: ${intervalSeconds}s}\nscrape_configs: [{job_name: ${job}, static_configs: [{targets: ['${target}']}]}]\n`

async function withVmagent(folder: string, receiver: string): Promise<Contender> {
  const name = 'vmagent'
  const { address, running } = await exporter(folder, name)
  writeFileSync(`${folder}/${name}.yml`, scrape(name, address))
  const listen = `127.0.0.1:${await freePort()}`
  const agent = start(
    program(name),
    [
      `-promscrape.config=${folder}/${name}.yml`,
      `-remoteWrite.url=${receiver}/api/v1/write`,
      `-remoteWrite.tmpDataPath=${folder}/${name}`,
      `-httpListenAddr=${listen}`,
    ],
    `${folder}/${name}.log`,
  )
  await ready(`http://${listen}/health`)
  return { name, processes: [running, agent] }
}

async function withPrometheus(folder: string, receiver: string): Promise<Contender> {
  const name = 'prometheus-agent'
  const { address, running } = await exporter(folder, name)
  writeFileSync(`${folder}/${name}.yml`, `${scrape(name, address)}remote_write: [{url: '${receiver}/api/v1/write'}]\n`)
  mkdirSync(`${folder}/${name}`)
  const listen = `127.0.0.1:${await freePort()}`
  const agent = start(
    program('prometheus'),
    [
      '--enable-feature=agent',
      `--config.file=${folder}/${name}.yml`,
      `--storage.agent.path=${folder}/${name}`,
      `--web.listen-address=${listen}`,
    ],
    `${folder}/${name}.log`,
  )
  await ready(`http://${listen}/-/ready`)
  return { name, processes: [running, agent] }
}
