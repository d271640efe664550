import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The node_exporter that ours is compared with. */
export const peerVersion = '1.12.1'

/** Why there is nothing to compare with. In CI the program must be there; what is not in the repository need not. */
export class Unavailable extends Error {
  readonly inCi: 'fails' | 'skips'

  constructor(message: string, inCi: 'fails' | 'skips' = 'fails') {
    super(message)
    this.inCi = inCi
  }
}

/** The peer's program, built first if it is not there. Throws Unavailable where it cannot be built. */
export function peerProgram(): string {
  const set = process.env.HOSTPUSH_NODE_EXPORTER
  if (set !== undefined && set !== '') {
    if (!existsSync(set)) throw new Unavailable(`HOSTPUSH_NODE_EXPORTER=${set} does not exist`)
    return set
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

/** The peer, serving on the loopback interface until it is disposed of. */
export interface RunningPeer extends Disposable {
  /** Its metrics page; of the collectors that are named, if any are. */
  read(collectors?: readonly string[]): Promise<string>
}

export async function startPeer(program: string, flags: readonly string[], cwd: string): Promise<RunningPeer> {
  const port = await freePort()
  const child = spawn(program, [...flags, `--web.listen-address=127.0.0.1:${port}`], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-2000)
  })
  const read = async (collectors: readonly string[] = []) => {
    const query = collectors.map((name) => `collect[]=${name}`).join('&')
    const response = await fetch(`http://127.0.0.1:${port}/metrics?${query}`)
    if (!response.ok) throw new Error(`node_exporter answered ${response.status}: ${await response.text()}`)
    return response.text()
  }
  await listening(child, port, () => said)
  return { read, [Symbol.dispose]: () => child.kill('SIGKILL') }
}

async function listening(child: ChildProcess, port: number, said: () => string): Promise<void> {
  let failure: Error | undefined
  child.once('error', (error) => {
    failure = error
  })
  for (let attempt = 0; attempt < 200; attempt++) {
    if (failure !== undefined || child.exitCode !== null)
      throw new Error(`node_exporter did not start: ${failure?.message ?? said()}`)
    try {
      await fetch(`http://127.0.0.1:${port}/`)
      return
    } catch {
      await sleep(50) // not yet
    }
  }
  child.kill('SIGKILL')
  throw new Error(`node_exporter does not answer: ${said()}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port is free')
  return address.port
}
