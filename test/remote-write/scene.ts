import type { TestContext } from 'node:test'
import { MemoryBuffer } from '../../src/buffer/memory-buffer.ts'
import type { Receiver } from '../../src/demo-receiver/receiver.ts'
import { connect } from '../../src/http/transport/connection.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { Endpoint } from '../../src/remote-write/endpoint.ts'
import type { EndpointOptions } from '../../src/remote-write/index.ts'
import { systemClock } from '../../src/util/clock.ts'
import { createLog, type Log } from '../../src/util/log.ts'
import { createFaultyReceiver, type FaultPlan } from '../support/faulty-receiver.ts'
import { eventually } from '../support/servers.ts'
import { endpointOptions } from './options.ts'

export const temperature = gauge('temperature', 'Degrees.', ['room'])

export interface Scene {
  readonly receiver: Receiver
  readonly endpoint: Endpoint
  readonly buffer: MemoryBuffer
  readonly lines: readonly string[]
  /** Collects one snapshot of these rooms and returns its timestamp. */
  push(rooms: Record<string, number>): number
  /** Received timestamps by room. */
  arrived(room: string): readonly number[]
}

/** An endpoint that retries without delay, and a receiver that follows a script and then accepts everything. */
export async function scene(
  t: TestContext,
  script: readonly (FaultPlan | undefined)[] = [],
  more: Partial<EndpointOptions> = {},
): Promise<Scene> {
  const receiver = await createFaultyReceiver({
    ledger: true,
    faultPlan: (number) => script[number - 1],
  })
  const lines: string[] = []
  const log: Log = createLog('debug', 'logfmt', (line) => lines.push(line), Date.now)
  const buffer = new MemoryBuffer(1e6)
  const builder = new SnapshotBuilder(new SeriesTable({ job: 'node', instance: 'h' }))
  const endpoint = new Endpoint(endpointOptions(`${receiver.url}/api/v1/write`, more), {
    clock: systemClock,
    log,
    cursor: buffer.cursor('default'),
    sender: await connect(receiver.url),
    userAgent: 'test/1',
  })
  t.after(async () => {
    await endpoint.stop(AbortSignal.abort())
    await receiver.close()
  })
  let newestMs = Date.now() - 60_000
  return {
    receiver,
    endpoint,
    buffer,
    lines,
    push(rooms) {
      builder.begin()
      for (const [room, value] of Object.entries(rooms)) builder.add(temperature, value, { room })
      buffer.append(builder.end((newestMs += 1000)))
      return newestMs
    },
    arrived: (room) =>
      (receiver.ledger ?? []).flatMap((one) => (one.series.includes(`room="${room}"`) ? [one.timestampMs] : [])),
  }
}

export const until = (what: () => boolean) => eventually(async () => what(), Boolean, 20_000)
