import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath } from '../scripts/go-program.ts'
import { prometheus, prometheusVersion } from '../scripts/prometheus.ts'
import { createReceiver, type Receiver } from '../src/demo-receiver/receiver.ts'
import { type Bench, type Context, MissingProgram } from './bench.ts'
import { cpuMs } from './cpu.ts'
import { freePort, program, type Running, start, startRun } from './processes.ts'
import { serveSyntheticSeries } from './synthetic-series.ts'
import { table, withVerdict } from './table.ts'

const v1 = 'prometheus.WriteRequest'
const v2 = 'io.prometheus.write.v2.Request'

type Protocol = typeof v1 | typeof v2

/** What the agent does with the series: nothing, buffer on disk, send, or send to two endpoints. */
type Role = 'none' | 'kept' | Protocol | `${Protocol} twice`

/** An agent in one role. The cost of its first send is its CPU minus the CPU in the role `idle`. */
interface Contender {
  readonly agent: string
  readonly role: Role
  readonly idle: Role | undefined
  readonly start: (scene: Scene) => Promise<Running>
}

/** The environment of a contender; `write` is the URL of its receiver. */
interface Scene {
  readonly folder: string
  readonly series: number
  readonly page: string
  readonly write: string
}

type Start = (scene: Scene, role: Role) => Promise<Running>

const as = (agent: string, idle: Role | undefined, roles: readonly Role[], start: Start): readonly Contender[] =>
  roles.map((role) => ({ agent, role, idle, start: (scene) => start(scene, role) }))

const contenders: readonly Contender[] = [
  ...as('hostpush', 'kept', ['none', 'kept', v1, v2, `${v1} twice`, `${v2} twice`], hostpush),
  ...as('vmagent', undefined, [v1, `${v1} twice`], vmagent),
  ...as(`Prometheus agent ${prometheusVersion}`, 'none', ['none', v1, v2, `${v1} twice`], prometheusAgent),
]

const isTwice = (role: Role) => role.endsWith(' twice')
const isSend = ({ role }: Contender) => role === v1 || role === v2

/** Cost of a contender in one interval. */
interface Measurement {
  readonly cpuMs: number
  readonly samples: number
  readonly kib: number
}

/** A contender with its cost by number of series: of the first send and of a second send to another endpoint. */
interface Row extends Contender {
  readonly at: readonly (Measurement & {
    readonly firstMs: number | undefined
    readonly secondMs: number | undefined
  })[]
}

export default {
  name: 'send',
  title: 'CPU of a live send, compared with vmagent and the Prometheus agent',
  async run(context: Context) {
    const sizes = context.quick ? [500, 3000] : [500, 3000, 30_000]
    const found: (readonly Measurement[])[] = []
    for (const series of sizes) found.push(await measured(series, context))
    const rows = contenders.map((one, i): Row => {
      const at = found.map((of) => {
        const took = (role: Role | undefined) =>
          of[contenders.findIndex((other) => other.agent === one.agent && other.role === role)]?.cpuMs
        const own = of[i] as Measurement
        return { ...own, firstMs: less(own.cpuMs, took(one.idle)), secondMs: less(took(twice(one.role)), own.cpuMs) }
      })
      return { ...one, at }
    })
    return [
      describe(context),
      sending(sizes, rows),
      'Without a send:\n',
      idling(sizes, rows),
      ...sizes.flatMap((series, size) => rows.flatMap((one) => incomplete(one, series, size))),
      'A send of hostpush / the cheapest send of another agent, in any protocol:\n',
      ...sizes.map((series, size) => verdict(series, size, rows)),
    ].join('\n')
  },
} satisfies Bench

const twice = (role: Role) => `${role} twice` as Role
const less = (ms: number | undefined, lessMs: number | undefined) =>
  ms === undefined || lessMs === undefined ? undefined : ms - lessMs

const sending = (sizes: readonly number[], rows: readonly Row[]) => {
  const columns = sizes.flatMap((series) => [`first ${series}`, `second ${series}`, `all ${series}`, `KiB ${series}`])
  const cells = ({ agent, role, at }: Row) => [
    agent,
    role === v1 ? '1.0' : '2.0',
    ...at.flatMap(({ firstMs, secondMs, cpuMs, kib }) => [firstMs, secondMs, cpuMs, kib]),
  ]
  return table(['CPU ms an interval', 'protocol', ...columns], rows.filter(isSend).map(cells))
}

const idling = (sizes: readonly number[], rows: readonly Row[]) => {
  const name = ({ agent, role }: Row) => (role === 'kept' ? `${agent}, keeping on disk` : agent)
  const cells = (one: Row) => [name(one), ...one.at.map(({ cpuMs }) => cpuMs)]
  return table(
    ['CPU ms an interval', ...sizes.map(String)],
    rows.filter(({ role }) => role === 'none' || role === 'kept').map(cells),
  )
}

/** A note for an agent that did not send the expected number of samples. */
function incomplete(one: Row, series: number, size: number): readonly string[] {
  const { samples = 0 } = one.at[size] ?? {}
  const sends = isTwice(one.role) ? 2 : isSend(one) ? 1 : 0
  const isWhole = Math.abs(samples / series - sends) < 0.15
  const arrived = `${samples.toFixed(0)} samples an interval arrived of ${series}`
  return isWhole ? [] : [`**Not comparable**: ${one.agent}, ${one.role}: ${arrived}.\n`]
}

/** The ratio of a hostpush send to the cheapest send of each other agent. */
function verdict(series: number, size: number, rows: readonly Row[]): string {
  const sends = Map.groupBy(rows.filter(isSend), ({ agent }) => agent)
  const { hostpush: ours = [], ...peers } = Object.fromEntries(sends)
  const lines = Object.entries(peers).flatMap(([agent, of]) =>
    (['firstMs', 'secondMs'] as const).flatMap((which) => {
      const costs = of.flatMap(({ at }) => at[size]?.[which] ?? [])
      if (costs.length === 0) return []
      const name = `${which === 'firstMs' ? 'first' : 'second'} send of ${agent}`
      const least = Math.min(...costs)
      if (least < (of[0]?.at[size]?.cpuMs ?? 0) * 0.05) return [`${name}: too small to measure next to its scrape`]
      const [one, two] = ours.map(({ at }) => withVerdict((at[size]?.[which] ?? Number.NaN) / least, 1))
      return [`${name}: 1.0 ${one}, 2.0 ${two}`]
    }),
  )
  return `- ${series} series, of the ${lines.join('; of the ')}`
}

const describe = ({ quick }: Context) => {
  const { warmUp, seconds } = lengthOf(quick)
  return [
    `CPU ms of all threads in an interval of 1 s (5 s with 30,000 series), mean of ${seconds} s after ${warmUp} s of warm-up.`,
    'All agents with the same number of series run at the same time. `all` is the whole agent. `first` is the difference',
    'to the same agent that stores the series but sends nothing: hostpush with a `send_interval` of a day, the Prometheus',
    'agent without `remote_write` but with its write-ahead log. vmagent requires a URL, and dropping series costs it as',
    'much as sending them, so it has no such difference. `second` is the difference between two endpoints and one.',
    'hostpush has a collector for the series, the others scrape them as text; two in five values change in each interval.',
    'Each agent has its own receiver in the process of the bench. The Prometheus agent has a batch deadline of 0.2 s',
    'instead of 5 s, so that it sends each scrape separately. `KiB` is the size of a send on the wire.\n',
  ].join('\n')
}

const lengthOf = (quick: boolean) => (quick ? { warmUp: 30, seconds: 30 } : { warmUp: 90, seconds: 90 })

/** Seconds. As short as two CPUs allow with all agents: V8 compiles hot code, and an agent runs for days. */
const intervalOf = (series: number) => (series > 10_000 ? 5 : 1)

/** Measures all contenders at the same time. */
async function measured(series: number, { folder, quick, say }: Context): Promise<readonly Measurement[]> {
  const { warmUp, seconds } = lengthOf(quick)
  say(`${series} series: ${warmUp} s to warm up, ${seconds} s that count`)
  const page = await serveSyntheticSeries(series)
  const agents = await Promise.all(
    contenders.map(async (contender, i) => {
      const receiver = await createReceiver({
        listen: { host: '127.0.0.1', port: 0 },
        onRequest: (one) => count(one),
      })
      const received = { samples: 0, bytes: 0 }
      const count = ({ samples, compressedBytes }: { samples: number; compressedBytes: number }) => {
        if (samples === 0) return // metadata is sent in separate requests
        received.samples += samples
        received.bytes += compressedBytes
      }
      const home = `${folder}/${series}-${i}`
      mkdirSync(home)
      const write = `${receiver.url}/api/v1/write`
      const running = await contender.start({ folder: home, series, page: page.address, write })
      return { running, receiver, received, of: () => ({ cpuMs: cpuMs(running.pid), ...received }) }
    }),
  )
  await sleep(warmUp * 1000)
  const before = agents.map(({ of }) => of())
  await sleep(seconds * 1000)
  const after = agents.map(({ of }) => of())
  await stopAll(agents)
  page.close()
  const intervals = seconds / intervalOf(series)
  return after.map((one, i) => {
    const { cpuMs = 0, samples = 0, bytes = 0 } = before[i] ?? {}
    const found = {
      cpuMs: (one.cpuMs - cpuMs) / intervals,
      samples: (one.samples - samples) / intervals,
      kib: (one.bytes - bytes) / intervals / 1024,
    }
    const { agent, role } = contenders[i] as Contender
    say(`${agent}, ${role}: ${found.cpuMs.toFixed(2)} ms, ${found.samples.toFixed(0)} samples an interval`)
    return found
  })
}

async function stopAll(agents: readonly { readonly running: Running; readonly receiver: Receiver }[]): Promise<void> {
  await Promise.all(agents.map(({ running }) => running.stop()))
  await Promise.all(agents.map(({ receiver }) => receiver.close()))
}

async function hostpush({ folder, series, write }: Scene, role: Role): Promise<Running> {
  const block = role === 'kept' ? { send_interval: '24h' } : { protobuf_message: role.split(' ')[0] }
  const first = { ...block, name: 'first', url: write }
  const blocks = [first, ...(isTwice(role) ? [{ ...first, name: 'second', url: `${write}?again` }] : [])]
  const configuration = {
    global: { scrape_interval: `${intervalOf(series)}s` },
    web: { listen_address: [] },
    buffer: { directory: `${folder}/buffer` },
    remote_write: role === 'none' ? [] : blocks,
  }
  writeFileSync(`${folder}/config.json`, JSON.stringify(configuration))
  return startRun(`${import.meta.dirname}/send-agent.ts`, [series, `${folder}/config.json`], `${folder}/log`)
}

const scrape = ({ page, series }: Scene) =>
  `global: {scrape_interval: ${intervalOf(series)}s, scrape_timeout: ${intervalOf(series)}s}\nscrape_configs: [{job_name: node, static_configs: [{targets: ['${page}']}]}]\n`

async function prometheusAgent(scene: Scene, role: Role): Promise<Running> {
  const { folder, write } = scene
  const file = programPath(prometheus)
  if (!existsSync(file)) throw new MissingProgram(`${prometheus.name} is not built: run npm run prometheus`)
  const queue = '{batch_send_deadline: 200ms}'
  const block = (url: string) => `{url: '${url}', protobuf_message: ${role.split(' ')[0]}, queue_config: ${queue}}`
  const blocks = [block(write), ...(isTwice(role) ? [block(`${write}?again`)] : [])]
  const remote = `remote_write: [${blocks.join(', ')}]\n`
  writeFileSync(`${folder}/prometheus.yml`, scrape(scene) + (role === 'none' ? '' : remote))
  const args = [
    '--agent',
    `--config.file=${folder}/prometheus.yml`,
    `--storage.agent.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${await freePort()}`,
  ]
  return start(file, args, `${folder}/log`)
}

async function vmagent(scene: Scene, role: Role): Promise<Running> {
  const { folder, write } = scene
  writeFileSync(`${folder}/scrape.yml`, scrape(scene))
  const args = [
    `-promscrape.config=${folder}/scrape.yml`,
    `-remoteWrite.url=${write}`,
    ...(isTwice(role) ? [`-remoteWrite.url=${write}?again`] : []),
    `-remoteWrite.tmpDataPath=${folder}/queue`,
    `-httpListenAddr=127.0.0.1:${await freePort()}`,
  ]
  return start(program('vmagent'), args, `${folder}/log`)
}
