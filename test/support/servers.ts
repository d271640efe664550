import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type GoProgram, goProgram, programPath } from '../../scripts/go-program.ts'
import { prometheus } from '../../scripts/prometheus.ts'

/** Root of the checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A test, or a script that ends what it started. */
export interface Owner {
  after(end: () => unknown): void
}

/** An owner that can end early because a program is missing. */
export interface Tester extends Owner {
  skip(reason: string): void
}

/** A temporary folder, deleted after the test. */
export function temporary(t: Owner): string {
  const folder = mkdtempSync(join(tmpdir(), 'hostpush-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Path of a program. Without it the test is skipped with its name as the reason; in CI it fails. */
export function program(t: Tester, name: string): string | undefined {
  try {
    return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
  } catch {
    return missing(t, `${name} is not installed: .ci/run installs it`)
  }
}

/** Skips the test because a program is missing; in CI it fails. */
export function missing(t: Tester, reason: string): undefined {
  if (process.env['CI'] === 'true') throw new Error(reason)
  t.skip(reason)
}

/** Builds a Go program, which takes seconds. If the build fails, the test is skipped; in CI it fails. */
export function goJudge(t: TestContext, wanted: GoProgram): string | undefined {
  try {
    return goProgram(wanted)
  } catch (error) {
    if (process.env['CI'] === 'true') throw error
    t.skip(error instanceof Error ? error.message : String(error))
    return undefined
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

export interface Running {
  readonly child: ChildProcess
  /** Its standard output and error so far. */
  output(): string
  /** Its exit status, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  /** Waits until the output matches. */
  until(pattern: RegExp, ms?: number): Promise<void>
}

/** Starts a program and kills it, by pid, after the test. */
export function start(t: Owner, file: string, args: readonly string[], env: Record<string, string> = {}): Running {
  // the agent's buffer is deleted after the test, unless the test names its directory
  const state = mkdtempSync(join(tmpdir(), 'hostpush-'))
  const surroundings = { ...process.env, STATE_DIRECTORY: state, ...env }
  const child = spawn(file, args, { cwd: root, env: surroundings, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk))
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? signal))
    child.on('error', () => resolve(null))
  })
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(state, { recursive: true, force: true })
  })
  const until = async (pattern: RegExp, ms = 20_000) => {
    for (const begun = Date.now(); !pattern.test(text); await sleep(20)) {
      if (Date.now() - begun > ms || child.exitCode !== null) throw new Error(`${file}: no ${pattern} in:\n${text}`)
    }
  }
  return { child, output: () => text, ended, until }
}

/** Runs hostpush from its source in a child process. */
export const hostpush = (t: TestContext, args: readonly string[], env: Record<string, string> = {}): Running =>
  start(t, process.execPath, [join(root, 'src/cli.ts'), ...args], env)

/** A server with the API of Prometheus. */
export interface Prometheus {
  readonly url: string
  /** Query at a time in milliseconds; default: now. */
  query(promql: string, atMs?: number): Promise<readonly Result[]>
  api(path: string): Promise<unknown>
  /** Kills it before the test ends. */
  stop(): Promise<void>
}

export interface Result {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [seconds: number, value: string]
  /** Result of a range selector. */
  readonly values: readonly (readonly [seconds: number, value: string])[]
}

/** Debian's Prometheus with its remote-write receiver, on a free port and in a temporary folder. */
export async function startPrometheus(t: Tester, wanted: Wanted = {}): Promise<Prometheus | undefined> {
  const file = program(t, 'prometheus')
  return file === undefined ? undefined : await startedPrometheus(t, file, wanted)
}

/** A Prometheus 3; its receiver also supports remote-write 2.0. */
export async function startPrometheus3(t: Tester, wanted: Wanted = {}): Promise<Prometheus | undefined> {
  const file = programPath(prometheus)
  if (existsSync(file)) return await startedPrometheus(t, file, wanted)
  return missing(t, `${prometheus.name} is not there: npm run prometheus builds it, in some minutes`)
}

interface Wanted {
  /** Additional flags. */
  readonly more?: readonly string[]
  /** Its configuration file. */
  readonly config?: string
  readonly port?: number
}

async function startedPrometheus(t: Owner, file: string, wanted: Wanted): Promise<Prometheus> {
  const { more = [], config = '', port = await freePort() } = wanted
  const folder = temporary(t)
  const url = `http://127.0.0.1:${port}`
  writeFileSync(join(folder, 'prometheus.yml'), config)
  const running = start(t, file, [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-remote-write-receiver',
    '--log.level=warn',
    ...more,
  ])
  await ready(`${url}/-/ready`)
  return asked(url, running)
}

/** A single-node VictoriaMetrics with the query API of Prometheus. */
export async function startVictoriaMetrics(t: Tester, more: readonly string[] = []): Promise<Prometheus | undefined> {
  const file = program(t, 'victoria-metrics')
  if (file === undefined) return undefined
  const address = `127.0.0.1:${await freePort()}`
  const running = start(t, file, [
    `-storageDataPath=${temporary(t)}`,
    `-httpListenAddr=${address}`,
    '-retentionPeriod=100y',
    '-search.latencyOffset=0s',
    '-loggerLevel=WARN',
    ...more,
  ])
  await ready(`http://${address}/health`)
  const server = asked(`http://${address}`, running)
  return {
    ...server,
    async query(promql, atMs) {
      await fetch(`${server.url}/internal/force_flush`) // otherwise new samples are visible only some seconds later
      return await server.query(promql, atMs)
    },
  }
}

function asked(url: string, { child, ended }: Running): Prometheus {
  const stop = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return { url, stop, ...prometheusApi(url) }
}

/** The query API of Prometheus below a URL. */
export function prometheusApi(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Pick<Prometheus, 'query' | 'api'> {
  const api = async (path: string) => {
    const response = await fetch(url + path, { headers })
    const answer = (await response.json()) as { status: string; error?: string; data: unknown }
    if (answer.status !== 'success') throw new Error(`${url}${path}: ${answer.error}`)
    return answer.data
  }
  const query = async (promql: string, atMs?: number) => {
    const time = atMs === undefined ? '' : `&time=${atMs / 1000}`
    const data = (await api(`/api/v1/query?query=${encodeURIComponent(promql)}${time}`)) as {
      result: readonly Result[]
    }
    return data.result
  }
  return { query, api }
}

export interface Pushgateway {
  readonly url: string
  /** The lines of its metrics page for one group. */
  lines(): Promise<readonly string[]>
  /** Its groups from its API. */
  groups(): Promise<readonly Group[]>
}

export interface Group {
  readonly labels: Readonly<Record<string, string>>
  readonly last_push_successful: boolean
  readonly [family: string]: unknown
}

/** A real Pushgateway on a free port. */
export async function startPushgateway(
  t: TestContext,
  more: readonly string[] = [],
  prefix = '',
): Promise<Pushgateway | undefined> {
  const file = program(t, 'prometheus-pushgateway')
  if (file === undefined) return undefined
  const port = await freePort()
  const url = `http://127.0.0.1:${port}${prefix}`
  start(t, file, [`--web.listen-address=127.0.0.1:${port}`, '--persistence.file=', '--log.level=error', ...more])
  await ready(`${url}/-/ready`)
  const lines = async () => {
    const page = await (await fetch(`${url}/metrics`)).text()
    return page.split('\n').filter((line) => line.includes('job="'))
  }
  const groups = async () => ((await (await fetch(`${url}/api/v1/metrics`)).json()) as { data: readonly Group[] }).data
  return { url, lines, groups }
}

export async function ready(url: string, ms = 20_000): Promise<void> {
  for (const begun = Date.now(); ; await sleep(50)) {
    const answer = await fetch(url).catch(() => undefined) // it does not listen yet
    if (answer?.ok) return
    if (Date.now() - begun > ms) throw new Error(`${url} did not become ready within ${ms} ms`)
  }
}

/** Repeats a query until its result is accepted. */
export async function eventually<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean, ms = 20_000): Promise<T> {
  for (const begun = Date.now(); ; await sleep(100)) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    if (Date.now() - begun > ms) throw new Error(`still ${JSON.stringify(answer).slice(0, 500)} after ${ms} ms`)
  }
}
