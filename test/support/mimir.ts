import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath } from '../../scripts/go-program.ts'
import { mimir } from '../../scripts/mimir.ts'
import { type ClusterOptions, configOf, type Instance } from './mimir-config.ts'
import {
  freePort,
  missing,
  type Owner,
  type Prometheus,
  prometheusApi,
  type Running,
  ready,
  start,
  type Tester,
} from './servers.ts'

/** Limits of one tenant by the names in Mimir's configuration, for example `max_global_series_per_user`. */
export type Limits = Readonly<Record<string, number | string | boolean>>

/** A real Mimir of one process, or of three processes that store every sample three times. */
export interface Mimir {
  /** The base URL of each process. */
  readonly urls: readonly string[]
  /** Replaces the limits of a tenant. Resolves when all running processes use them. */
  setLimits(tenant: string, limits: Limits): Promise<void>
  /** The query API for one tenant, at the first running process. */
  tenant(name: string): Pick<Prometheus, 'query' | 'api'>
  /** Samples of a tenant that Mimir refused, by reason. Counts a sample once for each request, and starts at 0 with the process. */
  refused(tenant: string): Promise<ReadonlyMap<string, number>>
  /** Kills one process. */
  kill(index?: number): Promise<void>
  /** Starts a killed process with its data. Resolves when it is ready. */
  restart(index?: number): Promise<void>
}

export interface MimirOptions {
  /** 3: one zone, memberlist, replication factor 3. */
  readonly instances?: 1 | 3
  /** Enables the HA tracker: a tenant with `accept_ha_samples` has one elected replica in each cluster. */
  readonly haTracker?: boolean
  /** More settings of the distributor, for example `max_recv_msg_size`. */
  readonly distributor?: object
}

/** Starts a Mimir on free ports and in a temporary folder. Without a built Mimir the test is skipped; in CI it fails. */
export async function startMimir(t: Tester, options: MimirOptions = {}): Promise<Mimir | undefined> {
  const file = programPath(mimir)
  if (existsSync(file)) return await startedMimir(t, options)
  return missing(t, `${mimir.name} does not exist: npm run mimir builds it in some minutes`)
}

/** As `startMimir`. The program must exist. */
export async function startedMimir(owner: Owner, options: MimirOptions = {}): Promise<Mimir> {
  const { instances: count = 1, haTracker = false, distributor = {} } = options
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-'))
  const processes: Process[] = []
  owner.after(async () => {
    for (const one of processes) await one.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  const runtimeFile = join(folder, 'runtime.json')
  const instances: Instance[] = []
  for (let i = 1; i <= count; i++) instances.push(await instanceIn(folder, `mimir-${i}`))
  const memberlist = count > 1 || haTracker
  const tracker = haTracker ? { ha_tracker: { enable_ha_tracker: true, kvstore: { store: 'memberlist' } } } : {}
  const cluster: ClusterOptions = {
    ...{ instances, shared: join(folder, 'shared'), runtimeFile, memberlist },
    distributor: { ...impatient, ...tracker, ...distributor },
  }
  const limits = new RuntimeLimits(runtimeFile)
  for (const instance of instances) processes.push(new Process(owner, instance, cluster))
  await Promise.all(processes.map((one) => one.start()))
  const processAt = (index: number) => {
    const found = processes[index]
    if (found === undefined) throw new Error(`Mimir has no process ${index}`)
    return found
  }
  const live = () => processes.filter(({ isRunning }) => isRunning)
  return {
    urls: processes.map(({ url }) => url),
    async setLimits(tenant, wanted) {
      const revision = limits.set(tenant, wanted)
      await Promise.all(live().map((one) => one.uses(revision)))
    },
    tenant(name) {
      const headers = { 'x-scope-orgid': name }
      const at = () => prometheusApi(`${live()[0]?.url ?? 'no running process'}/prometheus`, headers)
      return { query: (promql, atMs) => at().query(promql, atMs), api: (path) => at().api(path) }
    },
    async refused(tenant) {
      const pages = await Promise.all(live().map(async ({ url }) => (await fetch(`${url}/metrics`)).text()))
      return discardedIn(pages, tenant)
    },
    kill: (index = 0) => processAt(index).kill(),
    restart: (index = 0) => processAt(index).start(),
  }
}

/** Short Retry-After headers: with Mimir's default of 6 s to 96 s a test would take minutes. */
const impatient = { retry_after_header: { min_backoff: '1s', max_backoff: '2s' } }

async function instanceIn(folder: string, name: string): Promise<Instance> {
  const directory = join(folder, name)
  mkdirSync(directory)
  const [httpPort, grpcPort, gossipPort] = [await freePort(), await freePort(), await freePort()]
  return { name, directory, httpPort, grpcPort, gossipPort }
}

/** The file with the limits of all tenants. */
class RuntimeLimits {
  readonly #file: string
  readonly #overrides = new Map<string, Limits>()
  #revision = 0

  constructor(file: string) {
    this.#file = file
    this.#write()
  }

  /** Returns the name of a tenant that exists only in this version of the file. */
  set(tenant: string, limits: Limits): string {
    this.#overrides.set(tenant, limits)
    this.#revision++
    this.#write()
    return this.#name
  }

  get #name(): string {
    return `revision-${this.#revision}`
  }

  #write(): void {
    const overrides = { ...Object.fromEntries(this.#overrides), [this.#name]: { max_global_series_per_user: 1 } }
    writeFileSync(`${this.#file}.new`, JSON.stringify({ overrides }))
    renameSync(`${this.#file}.new`, this.#file)
  }
}

/** One process, which can be started again. */
class Process {
  readonly url: string
  readonly #owner: Owner
  readonly #file: string
  #running: Running | undefined

  constructor(owner: Owner, instance: Instance, cluster: ClusterOptions) {
    this.#owner = owner
    this.url = `http://127.0.0.1:${instance.httpPort}`
    this.#file = join(instance.directory, 'mimir.json')
    writeFileSync(this.#file, configOf(instance, cluster))
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  async start(): Promise<void> {
    this.#running = start(this.#owner, programPath(mimir), [`-config.file=${this.#file}`])
    try {
      await ready(`${this.url}/ready`)
    } catch (error) {
      throw new Error(`Mimir did not start:\n${this.#running.output()}`, { cause: error })
    }
  }

  async kill(): Promise<void> {
    this.#running?.child.kill('SIGKILL')
    await this.#running?.ended
    this.#running = undefined
  }

  /** Waits until this process has read a version of the limits. */
  async uses(revision: string, ms = 10_000): Promise<void> {
    for (const begun = Date.now(); ; await sleep(50)) {
      const page = await (await fetch(`${this.url}/runtime_config?mode=diff`)).text()
      if (page.includes(`${revision}:`)) return
      if (Date.now() - begun > ms) throw new Error(`Mimir does not use the limits:\n${this.#running?.output()}`)
    }
  }
}

/** Sums `cortex_discarded_samples_total` of a tenant. Replicas count the same sample, so the largest count of them is used. */
function discardedIn(pages: readonly string[], tenant: string): ReadonlyMap<string, number> {
  const byReason = new Map<string, number>()
  for (const page of pages) {
    const here = new Map<string, number>()
    for (const [, labels = '', value] of page.matchAll(/^cortex_discarded_samples_total\{(.*)\} (\S+)$/gm)) {
      const reason = /reason="([^"]*)"/.exec(labels)?.[1] ?? ''
      if (labels.includes(`user="${tenant}"`)) here.set(reason, (here.get(reason) ?? 0) + Number(value))
    }
    for (const [reason, count] of here) byReason.set(reason, Math.max(count, byReason.get(reason) ?? 0))
  }
  return byReason
}
