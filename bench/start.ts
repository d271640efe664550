import { spawnSync } from 'node:child_process'
import type { Bench, Context } from './bench.ts'
import { agentCommand } from './processes.ts'
import { startReceiver } from './receiver.ts'
import { median, table } from './table.ts'

/** The maximum time of `once`, as a multiple of `node -e 0`. */
const maxRatio = 5

export default {
  name: 'start',
  title: 'Start to exit of short commands',
  async run({ quick, folder, say }: Context) {
    const receiver = await startReceiver(folder)
    const rounds = quick ? 5 : 20
    const [agent, ...args] = agentCommand()
    const commands = {
      'node -e 0': [process.execPath, '-e', '0'],
      'hostpush --version': [agent, ...args, '--version'],
      'hostpush collect': [agent, ...args, 'collect'],
      'hostpush once': [agent, ...args, 'once', `--remote-write.url=${receiver.url}/api/v1/write`],
    }
    const times = Object.entries(commands).map(([name, command]) => ({ name, command, ms: [] as number[] }))
    say(`${rounds} rounds`)
    for (let i = -1; i < rounds; i++) {
      for (const { command, ms } of times) {
        const elapsedMs = timed(command, folder)
        if (i >= 0) ms.push(elapsedMs)
      }
    }
    await receiver.stop()
    const base = median(times[0]?.ms ?? [])
    return [
      `Wall ms, median of ${rounds} alternating runs with the same node; output to a pipe. \`once\` is measured from process start to`,
      `delivered, to a real Prometheus on loopback, with its log on disk; its bar is ${maxRatio} times \`node -e 0\`.\n`,
      table(
        ['command', 'median', 'least', 'times node -e 0'],
        times.map(({ name, ms }) => [name, median(ms), Math.min(...ms), median(ms) / base]),
      ),
    ].join('\n')
  },
} satisfies Bench

function timed([file = '', ...args]: readonly string[], state: string): number {
  const begunMs = performance.now()
  const { status, stderr } = spawnSync(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, STATE_DIRECTORY: state },
  })
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`)
  return performance.now() - begunMs
}
