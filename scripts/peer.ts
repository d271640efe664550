import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The version of node_exporter that hostpush is compared with. */
export const peerVersion = '1.12.1'

/**
 * The reason why a comparison is impossible. In CI a missing program is a failure, a missing file outside the
 * repository is not.
 */
export class Unavailable extends Error {
  readonly inCi: 'fails' | 'skips'

  constructor(message: string, inCi: 'fails' | 'skips' = 'fails') {
    super(message)
    this.inCi = inCi
  }
}

/** The peer ended at startup; the message is its panic or the last line that it printed. */
export class NotStarted extends Error {}

/** Builds the peer's program if needed and returns its path. Throws Unavailable if it cannot be built. */
export function peerProgram(): string {
  const configured = process.env.HOSTPUSH_NODE_EXPORTER
  if (configured !== undefined && configured !== '') {
    if (!existsSync(configured)) throw new Unavailable(`HOSTPUSH_NODE_EXPORTER=${configured} does not exist`)
    return configured
  }
  const program = join(homedir(), '.cache/hostpush/bin/node_exporter')
  if (existsSync(program)) return program
  const source = `github.com/prometheus/node_exporter@v${peerVersion}`
  try {
    execFileSync('go', ['install', source], {
      env: { ...process.env, GOBIN: dirname(program) },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string; stderr?: string }
    const reason = code === 'ENOENT' ? 'go is not installed' : `go install failed: ${stderr.trim().split('\n').at(-1)}`
    throw new Unavailable(`no node_exporter ${peerVersion} in ${program}, and it cannot be built: ${reason}`)
  }
  return program
}

/** The collectors that the peer has, by its own help text. */
export function peerCollectors(program: string): Set<string> {
  const help = execFileSync(program, ['--help'], { encoding: 'utf8' })
  return new Set([...help.matchAll(/^ +--\[no-\]collector\.(\w+)(?=\s)/gm)].map(([, name = '']) => name))
}

/** The peer, listening on the loopback interface until it is disposed. */
export interface RunningPeer extends Disposable {
  /** Its metrics; with names, only those of these collectors. */
  read(collectors?: readonly string[]): Promise<string>
}

/** How to run a program. */
export interface RunOptions {
  readonly cwd: string
  /** A command prefix, for example to run as another user or in a namespace. */
  readonly within?: readonly string[]
}

export async function startPeer(program: string, flags: readonly string[], options: RunOptions): Promise<RunningPeer> {
  const { cwd, within = [] } = options
  const port = await freePort()
  const [command = '', ...args] = [...within, program, ...flags, `--web.listen-address=127.0.0.1:${port}`]
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.on('data', (chunk) => {
    output = `${output}${chunk}`.slice(-200_000)
  })
  const read = async (collectors: readonly string[] = []) => {
    try {
      const query = collectors.map((name) => `collect[]=${name}`).join('&')
      const response = await fetch(`http://127.0.0.1:${port}/metrics?${query}`)
      if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`)
      return await response.text()
    } catch (error) {
      await Promise.race([once(child, 'close'), sleep(500)]) // stderr may have the reason
      const reason = panicIn(output) ?? (error instanceof Error ? error.message : error)
      throw new Error(`node_exporter does not answer: ${reason}`)
    }
  }
  await listening(child, port, () => output)
  return { read, [Symbol.dispose]: () => child.kill('SIGKILL') }
}

const panicIn = (output: string): string | undefined => /^panic: .*$/m.exec(output)?.[0]

async function listening(child: ChildProcess, port: number, output: () => string): Promise<void> {
  let failure: Error | undefined
  child.once('error', (error) => {
    failure = error
  })
  for (let attempt = 0; attempt < 200; attempt++) {
    if (failure !== undefined || child.exitCode !== null)
      throw new NotStarted(failure?.message ?? panicIn(output()) ?? output().trim().split('\n').at(-1) ?? '')
    try {
      await fetch(`http://127.0.0.1:${port}/`)
      return
    } catch {
      await sleep(50) // not listening yet
    }
  }
  child.kill('SIGKILL')
  throw new Error(`node_exporter does not answer: ${output()}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
