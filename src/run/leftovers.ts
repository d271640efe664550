import type { DropReason } from '../buffer/buffer.ts'
import type { DiskCursor } from '../buffer/cursor.ts'
import type { DiskBuffer } from '../buffer/disk.ts'
import type { BufferNeeds } from '../buffer/index.ts'
import { type About, gatewayCursor, leftIn, openLeft, removeRun, writeAbout } from '../buffer/runs.ts'
import type { Config } from '../config/index.ts'
import type { Log } from '../log.ts'
import type { Snapshot } from '../metrics/snapshot.ts'
import { openEndpoints, openGateways, type Pushing } from '../outputs.ts'
import { groupUrl } from '../pushgateway/group.ts'
import type { GatewayOptions } from '../pushgateway/options.ts'
import type { EndpointOptions } from '../remote-write/index.ts'
import { late, lateAt } from './fate.ts'

const tooMuch = 'what earlier commands have left comes first, and took all the time'

/** What is opened at once at most; the rest has its turn when these are delivered. */
const mostAtOnce = 100

export type RunConfig = Pick<Config, 'buffer' | 'remoteWrite' | 'pushgateways'>

/** What is needed to send from a log. */
export type Adopter = Pushing & BufferNeeds

interface Left {
  readonly buffer: DiskBuffer
  readonly about: About
}

/** What has become of leftovers. */
export interface Adopted {
  /** Runs of which nothing is left. */
  readonly runs: number
  /** Snapshots that were delivered, at each output that has them. */
  readonly snapshots: number
  /** By the name in the log, the outputs that have not got all, and why. */
  readonly waiting: ReadonlyMap<string, string>
  /** Samples that will never be delivered, by the name in the log. */
  readonly dropped: readonly Dropped[]
}

export interface Dropped {
  readonly name: string
  readonly reason: DropReason
  readonly samples: number
}

interface Terms {
  readonly deadline: AbortSignal
  /** A run that is not to be looked at: one's own. */
  readonly except?: string
  /** URLs of groups that get something newer at once, in the place of what they have. */
  readonly replaced: ReadonlySet<string>
}

/**
 * Delivers what batch commands have left in the directory, oldest first, each to the outputs of the same name, under the
 * labels it was taken with; what every output is past is deleted. To be called by whose turn it is. A Pushgateway gets the
 * last snapshot of each run into the group of that run, unless the group is one of those that are `replaced`.
 */
export async function deliverLeft(config: RunConfig, adopter: Adopter, terms: Terms): Promise<Adopted> {
  const { buffer: options, remoteWrite, pushgateways } = config
  const paths = await leftIn(options.directory, adopter.clock, terms.except)
  const found = await Promise.all(paths.slice(0, mostAtOnce).map((path) => openLeft(path, options, adopter)))
  const left = found.filter((one) => one !== undefined)
  const lanes = [
    ...remoteWrite.map((one) => [one.name, (run: Left) => atEndpoint(run, one, adopter, terms)] as const),
    ...pushgateways.map(
      (one) => [gatewayCursor(one.name), (run: Left) => atGateway(run, one, adopter, terms)] as const,
    ),
  ]
  for (const { buffer } of left.filter((one) => one.buffer.cursors.length === 0))
    for (const [name] of lanes) buffer.cursor(name) // they are lost: every output is at the oldest
  for (const one of left) await ended(one)
  const before = left.map(waitingIn)
  const waiting = new Map<string, string>()
  await Promise.all(
    lanes.map(async ([name, deliver]) => {
      if (paths.length > mostAtOnce) waiting.set(name, tooMuch)
      for (const run of left) {
        const trouble = await deliver(run)
        if (trouble === undefined) continue
        waiting.set(name, trouble)
        break
      }
    }),
  )
  const after = left.map(waitingIn)
  await bounded(left, options.maxBytes)
  return { waiting, ...(await parted(left)), snapshots: sum(before) - sum(after) }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)
const waitingIn = ({ buffer }: Left) => sum(buffer.cursors.map((cursor) => cursor.backlog().snapshots))

/** A command that was killed has not ended its host's series. */
async function ended({ buffer, about }: Left): Promise<void> {
  const { newestMs, directory } = buffer
  if (about.isEnded || newestMs === undefined) return
  buffer.append(ending(newestMs))
  await writeAbout(directory, { ...about, isEnded: true })
}

/** The snapshot that ends every series of the one before it: 1 ms after it, with none. */
export const ending = (lastMs: number): Snapshot => ({
  timestampMs: lastMs + 1,
  isLast: true,
  series: [],
  values: new Float64Array(),
})

/** Sends what waits for an endpoint; gives why it has not got all of it. */
async function atEndpoint(
  { buffer }: Left,
  options: EndpointOptions,
  adopter: Adopter,
  { deadline }: Terms,
): Promise<string | undefined> {
  const cursor = cursorIn(buffer, options.name)
  if (cursor === undefined || cursor.backlog().snapshots === 0) return undefined
  if (deadline.aborted) return tooMuch
  const remoteWrite = [{ ...options, metadataIntervalMs: 0, isBrief: true }]
  const [endpoint] = await openEndpoints({ remoteWrite }, adopter, buffer, {
    onTime: (receiverMs) => buffer.confirmTime(receiverMs),
  })
  await endpoint?.stop(deadline)
  return cursor.backlog().snapshots === 0 ? undefined : (lateAt(endpoint) ?? late)
}

/** Pushes the last snapshot of a run; gives why the gateway has not got it. */
async function atGateway(
  { buffer, about }: Left,
  options: GatewayOptions,
  adopter: Adopter,
  { deadline, replaced }: Terms,
): Promise<string | undefined> {
  const cursor = cursorIn(buffer, gatewayCursor(options.name))
  if (cursor === undefined || cursor.backlog().snapshots === 0) return undefined
  if (deadline.aborted) return tooMuch
  const own = { ...options, ...about.groups[options.name], deleteOnStart: false, deleteOnShutdown: false }
  const snapshot = await newestIn(buffer, cursor)
  if (snapshot !== undefined && !(own.method === 'PUT' && replaced.has(groupOf(own)))) {
    const [gateway] = await openGateways({ pushgateways: [own] }, adopter)
    gateway?.notify({ snapshot })
    await gateway?.stop(deadline)
    if (gateway !== undefined && gateway.report.pending > 0) return lateAt(gateway) ?? late
    if (gateway?.trouble !== undefined) cursor.drop('rejected', snapshot.values.length)
  }
  await cursor.move(buffer.last.sequence)
  return undefined
}

/** A group at a gateway, as a text. */
export const groupOf = ({ url, job, groupingKey }: GatewayOptions): string => groupUrl(url, job, groupingKey).href

/** The place of an output in the log of a run. */
const cursorIn = (buffer: DiskBuffer, name: string): DiskCursor | undefined =>
  buffer.cursors.find((one) => one.name === name)

async function newestIn(buffer: DiskBuffer, cursor: DiskCursor): Promise<Snapshot | undefined> {
  const reader = buffer.reader(cursor.position.sequence)
  let newest: Snapshot | undefined
  try {
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next())
      if (entry.snapshot.series.length > 0) newest = entry.snapshot
  } finally {
    await reader.close()
  }
  return newest
}

/** What is too old, and the oldest of what is too much, is let go. */
async function bounded(left: readonly Left[], maxBytes: number): Promise<void> {
  let bytes = 0
  for (const { buffer } of left.toReversed()) {
    await buffer.expire()
    bytes += buffer.stats.bytes
    if (bytes > maxBytes) await buffer.giveUp('max_bytes')
  }
}

/** Closes what waits on, deletes the rest. */
async function parted(left: readonly Left[]): Promise<Pick<Adopted, 'runs' | 'dropped'>> {
  const dropped: Dropped[] = []
  let runs = 0
  for (const { buffer } of left) {
    for (const [name, reasons] of buffer.stats.dropped)
      for (const [reason, samples] of reasons) dropped.push({ name, reason, samples })
    if (buffer.cursors.some((cursor) => cursor.backlog().snapshots > 0)) await buffer.close()
    else {
      await removeRun(buffer)
      runs++
    }
  }
  return { runs, dropped }
}

/** Says what has become of leftovers, where there were any. */
export function told({ runs, snapshots, waiting, dropped }: Adopted, log: Log): void {
  if (snapshots > 0) log.info('runs: what earlier commands had left is delivered', { snapshots, runs })
  for (const [name, reason] of waiting) log.debug('runs: what earlier commands have left still waits', { name, reason })
  for (const { name, reason, samples } of dropped)
    if (reason !== 'rejected')
      log.error('runs: samples that earlier commands had left are lost', { name, reason, samples })
}
