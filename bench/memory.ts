import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent } from './agent.ts'
import type { Bench, Context } from './bench.ts'
import { cpuMs, memoryOf, processesOf } from './cpu.ts'
import { freePort, ready } from './processes.ts'
import { startReceiver } from './receiver.ts'
import { table, withVerdict } from './table.ts'

const maxMb = 32
const goalMb = 20
const scrapeEveryMs = 15_000

export default {
  name: 'memory',
  title: 'Memory of the agent',
  async run({ quick, folder, say }: Context) {
    const minutes = quick ? 1 : 10
    const receiver = await startReceiver(folder)
    const names = ['first', 'second', 'scraped']
    const agents = await Promise.all(
      names.map(async (name) => {
        const port = await freePort()
        const agent = startAgent({ name, folder, interval: '1s', receiver: receiver.url, port })
        const page = `http://127.0.0.1:${port}/metrics`
        await ready(page.replace('metrics', '-/healthy'))
        return { name, page, ...agent, cpuBefore: cpuMs(agent.pid), highestMb: 0 }
      }),
    )
    say(`${minutes} minutes`)
    const begunMs = performance.now()
    let scrapeMs = begunMs
    while (performance.now() - begunMs < minutes * 60_000) {
      await sleep(1000)
      for (const agent of agents) agent.highestMb = Math.max(agent.highestMb, memoryOf(agent.pid).anonMb)
      if (performance.now() < scrapeMs) continue
      scrapeMs += scrapeEveryMs
      for (const { name, page } of agents) if (name === 'scraped') await (await fetch(page)).text()
    }
    const seconds = (performance.now() - begunMs) / 1000
    const rows = await Promise.all(
      agents.map(async ({ name, pid, cpuBefore, highestMb }) => {
        const { anonMb, rssMb } = memoryOf(pid)
        const spent = cpuMs(pid) - cpuBefore
        const pushes = await receiver.number(`count_over_time(up{job="${name}"}[${Math.ceil(seconds)}s])`)
        const private_ = withVerdict(anonMb, maxMb, goalMb)
        return [name, private_, highestMb, rssMb, processesOf(pid).length, spent / seconds, pushes ?? 'none']
      }),
    )
    await Promise.all([...agents, receiver].map((one) => one.stop()))
    return [
      `MB after ${minutes} minutes at an interval of 1 s, pushing to a real Prometheus, with the web server: two agents without`,
      'other requests and one with a scrape of /metrics every 15 s, at the same time. Private is RssAnon of all processes of',
      'the agent; `highest` is the maximum of one reading a second.\n',
      table(['run', 'private', 'highest', 'RSS', 'processes', 'CPU ms an interval', 'snapshots at the receiver'], rows),
    ].join('\n')
  },
} satisfies Bench
