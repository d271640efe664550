import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
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

/** Why the peer ended as soon as it was started. */
export class NotStarted extends Error {}

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

/** Where a program is run. */
export interface Place {
  readonly cwd: string
  /** A command that runs the one behind it as it is to be run: by another user, in a namespace. */
  readonly within?: readonly string[]
}

export async function startPeer(program: string, flags: readonly string[], place: Place): Promise<RunningPeer> {
  const { cwd, within = [] } = place
  const port = await freePort()
  const [command = '', ...args] = [...within, program, ...flags, `--web.listen-address=127.0.0.1:${port}`]
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-200_000)
  })
  const read = async (collectors: readonly string[] = []) => {
    try {
      const query = collectors.map((name) => `collect[]=${name}`).join('&')
      const response = await fetch(`http://127.0.0.1:${port}/metrics?${query}`)
      if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`)
      return await response.text()
    } catch (error) {
      await Promise.race([once(child, 'close'), sleep(500)]) // it may have said why
      const reason = /^panic: .*$/m.exec(said)?.[0] ?? (error instanceof Error ? error.message : error)
      throw new Error(`node_exporter does not answer: ${reason}`)
    }
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
      throw new NotStarted(failure?.message ?? said().trim().split('\n').at(-1) ?? '')
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
