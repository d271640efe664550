import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDisk } from '../src/buffer/index.ts'
import { connect } from '../src/http/transport/connection.ts'
import { Endpoint } from '../src/remote-write/endpoint.ts'
import { systemClock } from '../src/util/clock.ts'
import { silent } from '../src/util/log.ts'
import type { Context } from './bench.ts'
import { syntheticSnapshots } from './buffer.ts'
import { inChild } from './processes.ts'
import { withVerdict } from './table.ts'

interface DrainCost {
  readonly samples: number
  readonly cpuMs: number
  readonly seconds: number
  readonly idleMb: number
  readonly maxMb: number
}

const series = 1500
const openAt = (directory: string, sync: 'always' | 'never') =>
  openDisk(
    { directory, sync, maxBytes: 1e10, maxAgeMs: 1e12, minFreeBytes: 0 },
    { clock: systemClock, log: silent, bootId: '' },
    true,
  )

/** Measures a process that sends the backlog of a day without pacing. */
export async function drain({ folder, quick, say }: Context): Promise<string> {
  const snapshots = quick ? 576 : 5760
  const directory = join(folder, 'drain')
  say(`a backlog of ${snapshots} snapshots`)
  await inChild(import.meta.filename, ['fill', directory, snapshots])
  const received = { requests: 0, bytes: 0 }
  const server = createServer((request, answer) => {
    request.on('data', (chunk: Buffer) => {
      received.bytes += chunk.length
    })
    request.on('end', () => {
      received.requests++
      answer.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const drained = await inChild<DrainCost>(import.meta.filename, ['drain', directory, port], 'run')
  server.closeAllConnections()
  server.close()
  const { samples, cpuMs, seconds, idleMb, maxMb } = drained
  return (
    `A backlog of ${snapshots} snapshots of ${series} series, ${(samples / 1e6).toFixed(1)} M samples, pacing off: ${seconds.toFixed(1)} s, ` +
    `${received.requests} requests, ${(received.bytes / samples).toFixed(2)} bytes a sample; ` +
    `${withVerdict((cpuMs * 1000) / samples, 6)} µs of CPU a sample, all threads; ` +
    `private memory at most ${withVerdict(maxMb - idleMb, 25)} MB above the ${idleMb.toFixed(1)} MB of an idle agent.\n`
  )
}

async function fill(directory: string, snapshots: number): Promise<void> {
  const buffer = await openAt(directory, 'never')
  buffer.cursor('default')
  const next = syntheticSnapshots(series)
  const beginMs = Date.now() - snapshots * 15_000
  for (let i = 0; i < snapshots; i++) {
    buffer.append({ ...next(i), timestampMs: beginMs + i * 15_000 })
    while (buffer.isBehind) await sleep(0)
  }
  await buffer.close()
}

/** Private memory of this process, MB. */
const privateMb = () => Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024

async function send(directory: string, port: number): Promise<DrainCost> {
  const url = new URL(`http://127.0.0.1:${port}/api/v1/write`)
  const buffer = await openAt(directory, 'always')
  const cursor = buffer.cursor('default')
  const { samples } = cursor.backlog()
  const sender = await connect(url.origin)
  await sleep(500)
  const idleMb = privateMb()
  const before = process.cpuUsage()
  const started = performance.now()
  const options = { name: 'default', url, headers: () => ({}), timeoutMs: 30_000, maxSamplesPerSend: 10_000 }
  const speaks = { protobufMessage: 'prometheus.WriteRequest', inline: 'full' } as const
  const times = {
    metadataIntervalMs: 0,
    sendIntervalMs: 0,
    offsetMs: 0,
    intervalMs: 15_000,
    ageLimitMs: 0,
    pacing: 'off',
  } as const
  const endpoint = new Endpoint(
    { ...options, ...speaks, ...times, backoff: { minMs: 1000, maxMs: 60_000 } },
    { clock: systemClock, log: silent, cursor, sender, userAgent: 'bench/1' },
  )
  let maxMb = idleMb
  while (cursor.backlog().snapshots > 0) {
    await sleep(20)
    maxMb = Math.max(maxMb, privateMb())
  }
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - started) / 1000
  await endpoint.stop(AbortSignal.timeout(1000))
  await buffer.close()
  return { samples, cpuMs: (user + system) / 1000, seconds, idleMb, maxMb }
}

if (import.meta.main) {
  const [, , step, directory = '', number] = process.argv
  const result = step === 'fill' ? await fill(directory, Number(number)) : await send(directory, Number(number))
  process.stdout.write(JSON.stringify(result ?? {}))
}
