import { spawnSync } from 'node:child_process'
import type { Bench, Context } from './bench.ts'
import { agentCommand } from './processes.ts'
import { median, table } from './table.ts'

export default {
  name: 'start',
  title: 'Start to exit of `collect`',
  async run({ quick, say }: Context) {
    const rounds = quick ? 5 : 20
    const [agent, ...args] = agentCommand()
    const commands = {
      'node -e 0': [process.execPath, '-e', '0'],
      'hostpush --version': [agent, ...args, '--version'],
      'hostpush collect': [agent, ...args, 'collect'],
    }
    const times = Object.entries(commands).map(([name, command]) => ({ name, command, ms: [] as number[] }))
    say(`${rounds} rounds`)
    for (let i = -1; i < rounds; i++) {
      for (const { command, ms } of times) {
        const took = timed(command)
        if (i >= 0) ms.push(took)
      }
    }
    const base = median(times[0]?.ms ?? [])
    return [
      `Wall ms, median of ${rounds} alternating runs with the same node; output to a pipe.\n`,
      table(
        ['command', 'median', 'least', 'times node -e 0'],
        times.map(({ name, ms }) => [name, median(ms), Math.min(...ms), median(ms) / base]),
      ),
    ].join('\n')
  },
} satisfies Bench

function timed([file = '', ...args]: readonly string[]): number {
  const begunMs = performance.now()
  const { status, stderr } = spawnSync(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`)
  return performance.now() - begunMs
}
