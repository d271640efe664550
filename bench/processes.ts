import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createWriteStream, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { MissingProgram } from './bench.ts'

export const root = fileURLToPath(new URL('..', import.meta.url))

export interface Running {
  readonly pid: number
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a program and writes its output to a file. The program ends with `stop` or with this process. */
export function start(
  file: string,
  args: readonly string[],
  log: string,
  environment: NodeJS.ProcessEnv = {},
): Running {
  const child = spawn(file, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const output = createWriteStream(log)
  child.stdout.pipe(output, { end: false })
  child.stderr.pipe(output, { end: false })
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve())
    child.on('exit', () => resolve())
  })
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM')
      const soon = await Promise.race([ended.then(() => true), sleep(10_000).then(() => false)])
      if (!soon) child.kill('SIGKILL')
      await ended
      running.delete(child)
    },
  }
}

/**
 * Runs a bench file in a child process with the agent's flags and returns the JSON that it prints. `run` adds the
 * launcher's settings for a long-running agent.
 */
export async function inChild<T>(file: string, args: readonly (string | number)[], as?: 'run'): Promise<T> {
  const flags = as === 'run' ? [...agentFlags, ...runFlags] : agentFlags
  const child = spawn(process.execPath, [...flags, file, ...args.map(String)], {
    cwd: root,
    env: { ...process.env, ...(as === 'run' && runEnvironment) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  child.on('exit', () => running.delete(child))
  const text = await new Response(Readable.toWeb(child.stdout) as ReadableStream).text()
  if (text === '') throw new Error(`${file} ended without a result`)
  return JSON.parse(text) as T
}

/** Starts a bench file with the launcher's settings for a long-running agent. */
export const startRun = (file: string, args: readonly (string | number)[], log: string): Running =>
  start(process.execPath, [...agentFlags, ...runFlags, file, ...args.map(String)], log, runEnvironment)

/** V8 flags of the launcher. */
const launcherText = readFileSync(`${root}bin/hostpush`, 'utf8')
const agentFlags = /^ +(--.*?) \$/m.exec(launcherText)?.[1]?.split(' ') ?? []
const runFlags = /^ +small='(--.*)'$/m.exec(launcherText)?.[1]?.split(' ') ?? []
const runEnvironment = Object.fromEntries(
  [...launcherText.matchAll(/^ +export (MALLOC_\w+)=.*?-(\d+)}"$/gm)].map(([, name = '', value = '']) => [name, value]),
)

/** The command of the agent; without a build it runs from source. */
export function agentCommand(): readonly [file: string, ...args: string[]] {
  const launcher = `${root}bin/hostpush`
  if (existsSync(launcher) && existsSync(`${root}dist/hostpush.cjs`)) return [launcher]
  return [process.execPath, ...agentFlags, `${root}src/cli.ts`]
}

/** The path of a program. Throws MissingProgram. */
export function program(name: string): string {
  const cached = `${homedir()}/.cache/hostpush/bin/${name}`
  if (existsSync(cached)) return cached
  try {
    return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
  } catch {
    throw new MissingProgram(`${name} is not installed`)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

export async function ready(url: string, ms = 30_000): Promise<void> {
  for (const started = performance.now(); ; await sleep(50)) {
    const answer = await fetch(url).catch(() => undefined) // not listening yet
    await answer?.arrayBuffer()
    if (answer?.ok) return
    if (performance.now() - started > ms) throw new Error(`${url} is not ready after ${ms} ms`)
  }
}
