import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { readText } from '../src/metrics/exposition/read-text.ts'
import { textOf } from '../src/metrics/exposition/write.ts'
import { type Family, family } from '../src/metrics/family.ts'
import { SeriesTable } from '../src/metrics/series.ts'
import { type Snapshot, SnapshotBuilder } from '../src/metrics/snapshot.ts'
import { systemClock } from '../src/util/clock.ts'
import { configOf, cycleOf, hostOf } from './agent.ts'
import { root } from './processes.ts'

/** Records /metrics of this host once a second, while it is idle or under load. */
export async function record(count: number, isLoaded: boolean): Promise<readonly string[]> {
  const config = await configOf(['--web.listen-address='])
  const cycle = cycleOf(config, hostOf(config), config.collectors)
  const work = isLoaded ? load() : undefined
  const pages: string[] = []
  for (let i = 0; i < count; i++) {
    pages.push(textOf((await cycle(systemClock.now())).snapshot))
    await sleep(1000)
  }
  work?.()
  return pages
}

/** Compiles and transfers data over the loopback device; returns a function that stops it. */
function load(): () => void {
  const compile = `while :; do cc -O2 -o /dev/null ${root}bench/floor.c; done`
  const traffic = createServer((_, answer) => answer.end(Buffer.alloc(1 << 20)))
  const compiler = spawn('sh', ['-c', compile], { stdio: 'ignore', detached: true })
  let isOver = false
  const fetchOn = async () => {
    const { port } = traffic.address() as AddressInfo
    while (!isOver) {
      await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer()
      await sleep(20)
    }
  }
  traffic.listen(0, '127.0.0.1', () => void fetchOn().catch(() => {})) // the request fails when the server closes
  return () => {
    isOver = true
    process.kill(-(compiler.pid ?? 0), 'SIGKILL') // the shell and its compiler, a separate process group
    traffic.closeAllConnections()
    traffic.close()
  }
}

const beginMs = 1_780_000_000_000

/** The snapshots that an agent collects from these pages at an interval of 15 seconds. */
export function replay(pages: readonly string[]): readonly Snapshot[] {
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance: 'host:9100' }))
  const families = new Map<string, Family>()
  return pages.map((page, i) => {
    builder.begin()
    for (const { name, type, help, samples } of readText(page)) {
      for (const { suffix, labels, value } of samples) {
        const key = `${name}${suffix} ${Object.keys(labels)}`
        const declared = family(type, name, help, Object.keys(labels), suffix)
        const existing = families.get(key) ?? (type === 'counter' ? { ...declared, since: 'boot' as const } : declared)
        families.set(key, existing)
        builder.add(existing, value, labels)
      }
    }
    return { ...builder.end(beginMs + i * 15_000), starts: { boot: beginMs - 1e9, start: beginMs - 1e6 } }
  })
}

export interface Pages {
  readonly address: string
  /** Resolves when the last page was scraped. */
  readonly over: Promise<void>
  close(): void
}

/** Serves one page for each scrape; after the last page scrapes fail. */
export async function serve(pages: readonly string[]): Promise<Pages> {
  const over = Promise.withResolvers<void>()
  let next = 0
  const server: Server = createServer((_, answer) => {
    const page = pages[next++]
    if (page === undefined) over.resolve()
    answer.writeHead(page === undefined ? 503 : 200, { 'content-type': 'text/plain; version=0.0.4' }).end(page ?? '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    over: over.promise,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
