import type { DiskBuffer } from '../buffer/disk-buffer.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { groupUrl } from '../pushgateway/group.ts'
import type { GatewayOptions } from '../pushgateway/options.ts'
import type { EndpointOptions } from '../remote-write/index.ts'
import { openEndpoints, openGateways } from './open-outputs.ts'
import { setAsideAt } from './refused.ts'
import { late, lateAt } from './result.ts'
import { gatewayCursor } from './run-log.ts'
import type { Adopter, RunConfig } from './spool.ts'
import type { Left } from './spool-logs.ts'

/** An output, and how it gets what a command has left for it. */
export interface Lane {
  /** In the log. */
  readonly name: string
  /** Gives why it has not got all by the deadline. */
  deliver(left: Left, deadline: AbortSignal): Promise<string | undefined>
}

/** The names of all outputs, as a log has them. */
export const outputsOf = ({ remoteWrite, pushgateways }: RunConfig): readonly string[] => [
  ...remoteWrite.map(({ name }) => name),
  ...pushgateways.map(({ name }) => gatewayCursor(name)),
]

/** `replaced`: groups that get something newer at once, in the place of what they have. */
export function lanesOf(
  { remoteWrite, pushgateways }: RunConfig,
  adopter: Adopter,
  replaced: ReadonlySet<string>,
): readonly Lane[] {
  return [
    ...remoteWrite.map((one) => ({
      name: one.name,
      deliver: (left: Left, deadline: AbortSignal) => atEndpoint(left, one, { adopter, deadline }),
    })),
    ...pushgateways.map((one) => ({
      name: gatewayCursor(one.name),
      deliver: (left: Left, deadline: AbortSignal) => atGateway(left, one, { adopter, deadline, replaced }),
    })),
  ]
}

interface Means {
  readonly adopter: Adopter
  readonly deadline: AbortSignal
}

/** Sends what waits for an endpoint. */
async function atEndpoint(
  { buffer }: Left,
  options: EndpointOptions,
  { adopter, deadline }: Means,
): Promise<string | undefined> {
  const cursor = cursorIn(buffer, options.name)
  if (cursor === undefined || cursor.backlog().snapshots === 0) return undefined
  const remoteWrite = [{ ...options, metadataIntervalMs: 0, isBrief: true }]
  const [endpoint] = await openEndpoints({ remoteWrite }, adopter, buffer, {
    onTime: (receiverMs) => buffer.confirmTime(receiverMs),
  })
  await endpoint?.stop(deadline)
  return cursor.backlog().snapshots === 0 ? undefined : (lateAt(endpoint) ?? late)
}

/** Pushes the last snapshot of a run. */
async function atGateway(
  { buffer, about }: Left,
  options: GatewayOptions,
  { adopter, deadline, replaced }: Means & { readonly replaced: ReadonlySet<string> },
): Promise<string | undefined> {
  const cursor = cursorIn(buffer, gatewayCursor(options.name))
  if (cursor === undefined || cursor.backlog().snapshots === 0) return undefined
  const own = { ...options, ...about.groups[options.name], deleteOnStart: false, deleteOnShutdown: false }
  const snapshot = await newestIn(buffer, cursor.position.sequence)
  if (snapshot !== undefined && !(own.method === 'PUT' && replaced.has(groupOf(own)))) {
    const [gateway] = await openGateways({ pushgateways: [own] }, adopter)
    gateway?.notify({ snapshot })
    await gateway?.stop(deadline)
    if (gateway !== undefined && gateway.report.pending > 0) return lateAt(gateway) ?? late
    if (gateway !== undefined) await setAsideAt(cursor, gateway, buffer.last.sequence)
  }
  await cursor.move(buffer.last.sequence)
  return undefined
}

/** A group at a gateway, as a text. */
export const groupOf = ({ url, job, groupingKey }: GatewayOptions): string => groupUrl(url, job, groupingKey).href

/** The place of an output in the log of a run. */
export const cursorIn = (buffer: DiskBuffer, name: string) => buffer.cursors.find((one) => one.name === name)

async function newestIn(buffer: DiskBuffer, after: number): Promise<Snapshot | undefined> {
  const reader = buffer.reader(after)
  let newest: Snapshot | undefined
  try {
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next())
      if (entry.snapshot.series.length > 0) newest = entry.snapshot
  } finally {
    await reader.close()
  }
  return newest
}
