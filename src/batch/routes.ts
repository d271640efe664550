import type { DiskBuffer } from '../buffer/disk-buffer.ts'
import type { Cursor } from '../buffer/types.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { groupUrl } from '../pushgateway/group.ts'
import type { Gateway } from '../pushgateway/index.ts'
import type { GatewayOptions } from '../pushgateway/options.ts'
import type { EndpointOptions } from '../remote-write/index.ts'
import { openEndpoints, openGateways } from './open-outputs.ts'
import { timedOut, timeoutReason } from './result.ts'
import { gatewayCursor } from './run-log.ts'
import type { RunConfig, SpoolDeps } from './spool.ts'
import type { SpooledLog } from './spool-logs.ts'

/** An output, and how it gets what a command has left for it. */
export interface DeliveryRoute {
  /** In the log. */
  readonly name: string
  /** Gives why it has not got all by the deadline. */
  deliver(left: SpooledLog, deadline: AbortSignal): Promise<string | undefined>
}

/** The names of all outputs, as a log has them. */
export const cursorNames = ({ remoteWrite, pushgateways }: RunConfig): readonly string[] => [
  ...remoteWrite.map(({ name }) => name),
  ...pushgateways.map(({ name }) => gatewayCursor(name)),
]

/** `replaced`: groups that get something newer at once, in the place of what they have. */
export function routesOf(
  { remoteWrite, pushgateways }: RunConfig,
  deps: SpoolDeps,
  replaced: ReadonlySet<string>,
): readonly DeliveryRoute[] {
  return [
    ...remoteWrite.map((one) => ({
      name: one.name,
      deliver: (left: SpooledLog, deadline: AbortSignal) => atEndpoint(left, one, { deps, deadline }),
    })),
    ...pushgateways.map((one) => ({
      name: gatewayCursor(one.name),
      deliver: (left: SpooledLog, deadline: AbortSignal) => atGateway(left, one, { deps, deadline, replaced }),
    })),
  ]
}

interface Deps {
  readonly deps: SpoolDeps
  readonly deadline: AbortSignal
}

/** Sends what waits for an endpoint. */
async function atEndpoint(
  { buffer }: SpooledLog,
  options: EndpointOptions,
  { deps, deadline }: Deps,
): Promise<string | undefined> {
  const cursor = cursorOf(buffer, options.name)
  if (cursor === undefined || cursor.backlog().snapshots === 0) return undefined
  const remoteWrite = [{ ...options, metadataIntervalMs: 0, isBrief: true }]
  const [endpoint] = await openEndpoints({ remoteWrite }, deps, buffer, {
    onTime: (receiverMs) => buffer.confirmTime(receiverMs),
  })
  await endpoint?.stop(deadline)
  return cursor.backlog().snapshots === 0 ? undefined : (timeoutReason(endpoint) ?? timedOut)
}

/** Pushes the last snapshot of a run. */
async function atGateway(
  { buffer, manifest }: SpooledLog,
  options: GatewayOptions,
  { deps, deadline, replaced }: Deps & { readonly replaced: ReadonlySet<string> },
): Promise<string | undefined> {
  const cursor = cursorOf(buffer, gatewayCursor(options.name))
  if (cursor === undefined || cursor.backlog().snapshots === 0) return undefined
  const own = { ...options, ...manifest.groups[options.name], deleteOnStart: false, deleteOnShutdown: false }
  const snapshot = await newestSnapshot(buffer, cursor.position.sequence)
  if (snapshot !== undefined && !(own.method === 'PUT' && replaced.has(groupOf(own)))) {
    const [gateway] = await openGateways({ pushgateways: [own] }, deps)
    gateway?.onSnapshot({ snapshot })
    await gateway?.stop(deadline)
    if (gateway !== undefined && gateway.report.pending > 0) return timeoutReason(gateway) ?? timedOut
    if (gateway !== undefined) await saveRejectedByGateway(cursor, gateway, buffer.last.sequence)
  }
  await cursor.commit(buffer.last.sequence)
  return undefined
}

/** A group at a gateway, as a text. */
export const groupOf = ({ url, job, groupingKey }: GatewayOptions): string => groupUrl(url, job, groupingKey).href

/** The place of an output in the log of a run. */
export const cursorOf = (buffer: DiskBuffer, name: string) => buffer.cursors.find((one) => one.name === name)

async function newestSnapshot(buffer: DiskBuffer, after: number): Promise<Snapshot | undefined> {
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

/**
 * Sets aside what a gateway would not have of a command's last snapshot; to be called once, at the end. An agent does not:
 * the next snapshot holds the same metrics, and one file for each would only push out what others have set aside.
 */
export async function saveRejectedByGateway(cursor: Cursor, { rejection }: Gateway, sequence: number): Promise<void> {
  if (rejection === undefined) return
  const { reason, snapshot, series } = rejection
  cursor.drop('rejected', series.size)
  await cursor.saveDeadLetter({ reason, entries: [{ sequence, snapshot }], series })
}
