import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { placeOf } from '../scripts/go.ts'
import { prometheus, prometheusVersion } from '../scripts/prometheus.ts'
import { createReceiver, type Receiver } from '../src/receive/receiver.ts'
import { type Bench, type Context, Missing } from './bench.ts'
import { cpuMs } from './cpu.ts'
import { servePage } from './page.ts'
import { freePort, program, type Running, start, startRun } from './processes.ts'
import { judged, table } from './table.ts'

const intervalSeconds = 5

const v1 = 'prometheus.WriteRequest'
const v2 = 'io.prometheus.write.v2.Request'

/** An agent that has the series and sends them in one version of the protocol, or does not send them at all. */
interface Contender {
  readonly agent: string
  readonly message: typeof v1 | typeof v2 | 'none'
  readonly start: (scene: Scene) => Promise<Running>
}

/** Where a contender lives; `write` is the URL of a receiver of its own. */
interface Scene {
  readonly folder: string
  readonly series: number
  readonly page: string
  readonly write: string
}

const contenders: readonly Contender[] = (['none', v1, v2] as const).flatMap((message) => [
  { agent: 'hostpush', message, start: (scene: Scene) => hostpush(scene, message) },
  { agent: `Prometheus agent ${prometheusVersion}`, message, start: (scene: Scene) => prometheusAgent(scene, message) },
  ...(message === v2 ? [] : [{ agent: 'vmagent', message, start: (scene: Scene) => vmagent(scene, message) }]),
])

/** What a contender took for an interval. */
interface Found {
  readonly cpuMs: number
  readonly samples: number
  readonly kib: number
}

export default {
  name: 'send',
  title: 'CPU of a live send, beside vmagent and the Prometheus agent',
  async run(context: Context) {
    const sizes = context.quick ? [500, 3000] : [500, 3000, 30_000]
    const found: (readonly Found[])[] = []
    for (const series of sizes) found.push(await measured(series, context))
    const sending = contenders.flatMap(({ agent, message }, i) => (message === 'none' ? [] : [{ agent, message, i }]))
    const idle = (agent: string) => contenders.findIndex((one) => one.agent === agent && one.message === 'none')
    const cost = (at: readonly Found[], i: number) =>
      (at[i]?.cpuMs ?? 0) - (at[idle(contenders[i]?.agent ?? '')]?.cpuMs ?? 0)
    const costs = sending.map(({ i }) => found.map((at) => cost(at, i)))
    const best = (wanted: (agent: string) => boolean, at: number) =>
      sending.flatMap(({ agent }, row) => (wanted(agent) ? [costs[row]?.[at] ?? 0] : []))
    const isOurs = (agent: string) => agent === 'hostpush'
    const verdicts = sizes.map((series, at) => {
      const least = Math.min(...best((agent) => !isOurs(agent), at))
      const [ours1, ours2] = best(isOurs, at) as [number, number]
      return `- ${series} series: remote-write 1.0 ${judged(ours1 / least, 1)}, 2.0 ${judged(ours2 / least, 1)}`
    })
    return [
      describe(context),
      table(
        ['', 'protocol', ...sizes.flatMap((series) => [`send ${series}`, `all ${series}`, `KiB ${series}`])],
        sending.map(({ agent, message, i }, row) => [
          agent,
          message === v1 ? '1.0' : '2.0',
          ...found.flatMap((at, size) => [costs[row]?.[size], at[i]?.cpuMs, at[i]?.kib]),
        ]),
      ),
      'The same agents without a send, CPU ms an interval:\n',
      table(
        ['', ...sizes.map(String)],
        contenders.flatMap(({ agent, message }, i) =>
          message === 'none' ? [[agent, ...found.map((at) => at[i]?.cpuMs)]] : [],
        ),
      ),
      'hostpush / the lesser of the other agents, whatever protocol they speak:\n',
      ...verdicts,
    ].join('\n')
  },
} satisfies Bench

const describe = ({ quick }: Context) =>
  [
    `CPU ms of all threads for an interval of ${intervalSeconds} s, mean of ${lengthOf(quick).seconds} s after ${lengthOf(quick).warmUp} s of warming up, all agents of a size at`,
    'once. `all` is the whole agent, `send` is that less the same agent beside it which sends nothing: hostpush without',
    '`remote_write`, so that its buffer on disk counts as sending; the Prometheus agent without `remote_write`, so that its',
    'write-ahead log does not; vmagent, which does not start without a URL, with a rule that drops all series before its',
    'queue. vmagent and Prometheus scrape a page of node_exporter-like text, hostpush has a collector of the same series,',
    'two in five with a new value each time. Each sends to a receiver of its own in the process of the bench. KiB are what a',
    'send takes on the wire.\n',
  ].join('\n')

const lengthOf = (quick: boolean) => (quick ? { warmUp: 20, seconds: 30 } : { warmUp: 60, seconds: 120 })

/** All contenders at once. */
async function measured(series: number, { folder, quick, say }: Context): Promise<readonly Found[]> {
  const { warmUp, seconds } = lengthOf(quick)
  say(`${series} series: ${warmUp} s to warm up, ${seconds} s that count`)
  const page = await servePage(series)
  const agents = await Promise.all(
    contenders.map(async (contender, i) => {
      const receiver = await createReceiver({ listen: { host: '127.0.0.1', port: 0 }, onRequest: (one) => count(one) })
      const seen = { samples: 0, bytes: 0 }
      const count = ({ samples, compressedBytes }: { samples: number; compressedBytes: number }) => {
        if (samples === 0) return // types and help come in requests of their own
        seen.samples += samples
        seen.bytes += compressedBytes
      }
      const home = `${folder}/${series}-${i}`
      mkdirSync(home)
      const write = `${receiver.url}/api/v1/write`
      const running = await contender.start({ folder: home, series, page: page.address, write })
      return { running, receiver, seen, of: () => ({ cpuMs: cpuMs(running.pid), ...seen }) }
    }),
  )
  await sleep(warmUp * 1000)
  const before = agents.map(({ of }) => of())
  await sleep(seconds * 1000)
  const after = agents.map(({ of }) => of())
  await stopAll(agents)
  page.close()
  const intervals = seconds / intervalSeconds
  return after.map((one, i) => {
    const { cpuMs = 0, samples = 0, bytes = 0 } = before[i] ?? {}
    const found = {
      cpuMs: (one.cpuMs - cpuMs) / intervals,
      samples: (one.samples - samples) / intervals,
      kib: (one.bytes - bytes) / intervals / 1024,
    }
    const { agent = '', message = '' } = contenders[i] ?? {}
    say(`${agent}, ${message}: ${found.cpuMs.toFixed(2)} ms, ${found.samples.toFixed(0)} samples an interval`)
    const isRight = message === 'none' ? found.samples === 0 : found.samples > series * 0.9
    if (!isRight) throw new Error(`${agent}, ${message}: ${found.samples} samples an interval arrived of ${series}`)
    return found
  })
}

async function stopAll(agents: readonly { readonly running: Running; readonly receiver: Receiver }[]): Promise<void> {
  await Promise.all(agents.map(({ running }) => running.stop()))
  await Promise.all(agents.map(({ receiver }) => receiver.close()))
}

async function hostpush({ folder, series, write }: Scene, message: Contender['message']): Promise<Running> {
  const configuration = {
    global: { scrape_interval: `${intervalSeconds}s` },
    web: { listen_address: [] },
    buffer: { directory: `${folder}/buffer` },
    remote_write: message === 'none' ? [] : [{ url: write, protobuf_message: message }],
  }
  writeFileSync(`${folder}/config.json`, JSON.stringify(configuration))
  return startRun(`${import.meta.dirname}/send-agent.ts`, [series, `${folder}/config.json`], `${folder}/log`)
}

const scrape = (page: string) =>
  `global: {scrape_interval: ${intervalSeconds}s}\nscrape_configs: [{job_name: node, static_configs: [{targets: ['${page}']}]}]\n`

async function prometheusAgent({ folder, page, write }: Scene, message: Contender['message']): Promise<Running> {
  const file = placeOf(prometheus)
  if (!existsSync(file)) throw new Missing(`${prometheus.name} is not there: npm run prometheus builds it`)
  const remote = message === 'none' ? '' : `remote_write: [{url: '${write}', protobuf_message: ${message}}]\n`
  writeFileSync(`${folder}/prometheus.yml`, scrape(page) + remote)
  const args = [
    '--agent',
    `--config.file=${folder}/prometheus.yml`,
    `--storage.agent.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${await freePort()}`,
  ]
  return start(file, args, `${folder}/log`)
}

async function vmagent({ folder, page, write }: Scene, message: Contender['message']): Promise<Running> {
  writeFileSync(`${folder}/scrape.yml`, scrape(page))
  writeFileSync(`${folder}/drop.yml`, "- {action: drop, source_labels: [__name__], regex: '.+'}\n")
  const args = [
    `-promscrape.config=${folder}/scrape.yml`,
    `-remoteWrite.url=${write}`,
    ...(message === 'none' ? [`-remoteWrite.urlRelabelConfig=${folder}/drop.yml`] : []),
    `-remoteWrite.tmpDataPath=${folder}/queue`,
    `-httpListenAddr=127.0.0.1:${await freePort()}`,
  ]
  return start(program('vmagent'), args, `${folder}/log`)
}
