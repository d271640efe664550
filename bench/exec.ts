import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Context } from './bench.ts'
import { agentCommand } from './processes.ts'
import { startReceiver } from './receiver.ts'
import { median, table } from './table.ts'

export default {
  name: 'exec',
  title: 'What `exec` adds to a command',
  async run({ quick, folder, say }: Context) {
    const receiver = await startReceiver(folder)
    try {
      const target = `--remote-write.url=${receiver.url}/api/v1/write`
      const exec = [...agentCommand(), 'exec', target]
      const commands: Readonly<Record<string, readonly string[]>> = {
        true: ['true'],
        'node -e 0': [process.execPath, '-e', '0'],
        'hostpush exec -- true': [...exec, '--', 'true'],
      }
      const runs = measured(commands, quick ? 5 : 20, folder, say)
      say('memory')
      const memory = await idleCost([...exec, '--interval=1s', '--', 'sleep', '600'], quick ? 3 : 60, folder)
      return [
        'Median of alternating runs with the same node, to a real Prometheus on loopback, with the log on disk; CPU of all',
        'processes is the mean; the kernel counts it in hundredths of a second. `ms until it runs`: from the start of the',
        'process to the start of the command. `exec -- true` runs 49 collectors once and sends two requests.\n',
        table(['command', 'wall ms', 'CPU ms', 'ms until it runs'], runs),
        `While a command sleeps: ${memory.privateMb.toFixed(1)} MB private, ${memory.residentMb.toFixed(1)} MB resident`,
        `after ${memory.seconds} collections; ${memory.cpuMs.toFixed(1)} ms CPU a collection, all threads, including the`,
        'check of the command every second.',
      ].join('\n')
    } finally {
      await receiver.stop()
    }
  },
} satisfies Bench

function measured(
  commands: Readonly<Record<string, readonly string[]>>,
  rounds: number,
  state: string,
  say: (text: string) => void,
): (string | number)[][] {
  const all = Object.entries(commands).map(([name, command]) => ({ name, command, wall: [] as number[], cpu: 0 }))
  say(`${rounds} rounds`)
  for (let round = -1; round < rounds; round++) {
    for (const one of all) {
      const { wallMs, cpuMs } = timed(one.command, state)
      if (round < 0) continue
      one.wall.push(wallMs)
      one.cpu += cpuMs
    }
  }
  return all.map(({ name, command, wall, cpu }) => [
    name,
    median(wall),
    cpu / rounds,
    untilItRuns(command, rounds, state),
  ])
}

function timed([file = '', ...args]: readonly string[], state: string) {
  const cpuBefore = childrenCpuMs()
  const begunMs = performance.now()
  run(file, args, state)
  return { wallMs: performance.now() - begunMs, cpuMs: childrenCpuMs() - cpuBefore }
}

/** Arguments that print the time in place of a command that does nothing: nanoseconds since the epoch. */
const clocks: Readonly<Record<string, readonly string[]>> = {
  true: ['date', '+%s%N'],
  0: ['process.stdout.write(`${Date.now()}000000`)'],
}

function untilItRuns(command: readonly string[], rounds: number, state: string): number {
  const [file = '', ...args] = [...command.slice(0, -1), ...(clocks[command.at(-1) ?? ''] ?? [])]
  const times = Array.from({ length: rounds }, () => {
    const begunMs = performance.timeOrigin + performance.now()
    return Number(BigInt(run(file, args, state).trim()) / 1000n) / 1000 - begunMs
  })
  return median(times)
}

function run(file: string, args: readonly string[], state: string): string {
  const { status, stdout, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    env: { ...process.env, STATE_DIRECTORY: state },
  })
  if (status !== 0 || stderr !== '') throw new Error(`${file} ${args.join(' ')}: ${status} ${stderr}`)
  return stdout
}

/** CPU of all ended children and their descendants. */
function childrenCpuMs(): number {
  const fields = afterName('self').split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

const afterName = (pid: number | 'self') => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2)
}

/** Memory and CPU of `exec` while its command sleeps. */
async function idleCost([file = '', ...args]: readonly string[], seconds: number, state: string) {
  const child = spawn(file, args, { stdio: 'ignore', env: { ...process.env, STATE_DIRECTORY: state } })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const pid = child.pid ?? 0
  try {
    await sleep(2000)
    const before = ownCpuMs(pid)
    await sleep(seconds * 1000)
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const mb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024
    const cpuMs = (ownCpuMs(pid) - before) / seconds
    return { seconds, cpuMs, privateMb: mb('RssAnon'), residentMb: mb('VmRSS') }
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

function ownCpuMs(pid: number): number {
  const fields = afterName(pid).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
